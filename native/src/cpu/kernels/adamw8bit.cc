// adamw8bit_step: the step of AdamW (optimizer.cc) on m = map[code] * absmax and v likewise, in
// float32; then each block of 256 elements of m and v is stored anew: absmax = max |x|, code = that
// of the map's value nearest to x / absmax. A block whose values are all 0 has absmax 0.
//
// Layout: flat arrays, see adamw8bit.h; param and state are updated in place. Bytes: 14 read and
// written per element, instead of 28. FLOPs: about 40, and six look-ups in tables that stay in
// the cache.
// Error with u = 2^-24: m and v within 6 u of the sums of their terms' magnitudes before they are
// stored, stored within half a step of the map (and 2 u of absmax); the update of p as in
// optimizer.cc. A value within those 6 u of the middle of two codes may take either.
// Source: Dettmers et al., "8-bit Optimizers via Block-wise Quantization", arXiv:2110.02861.
#include "core/kernels/adamw8bit.h"

#include "core/dynamic_map_index.h"
#include "cpu/kernels/dynamic_map.h"
#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

typedef uint8_t U8 __attribute__((vector_size(kLanes)));

// The same codes as nearest_codes, with two look-ups instead of eight.
static inline I32 indexed_codes(const DynamicMap& map, const DynamicMapIndex& index, F32 x) {
  const U32 bits = bit_cast<U32>(x);
  I32 bucket = bit_cast<I32>((bits & 0x7fffffffu) >> 16) - DynamicMapIndex::kFirst;
  bucket = select(bucket < 0, splat_i32(0), bucket);
  constexpr int32_t kLast = DynamicMapIndex::kBuckets - 1;
  bucket = select(bucket > kLast, splat_i32(kLast), bucket);
  bucket = select(x < 0.0f, bucket + DynamicMapIndex::kBuckets, bucket);
  const I32 code = to_i32(gather(index.codes, bucket));
  return code - (gather(map.midpoints, code) < x);
}

// Both moments of a block, padded with zeros to whole vectors.
struct Moments {
  float m[kMomentBlock];
  float v[kMomentBlock];
};

static inline void decode(const uint8_t* codes, int64_t n, const DynamicMap& map, float absmax,
                          float* out) {
  uint8_t padded[kMomentBlock] = {};
  memcpy(padded, codes, static_cast<size_t>(n));
  for (int64_t i = 0; i < kMomentBlock; i += kLanes) {
    const I32 code = __builtin_convertvector(load_bytes<U8>(padded + i), I32);
    store(out + i, gather(map.values, code) * absmax);
  }
  for (int64_t i = n; i < kMomentBlock; ++i) out[i] = 0;  // code 0 is none
}

// Writes n codes and returns absmax.
static inline float encode(const float* x, int64_t n, bool is_signed, uint8_t* codes) {
  const DynamicMap& map = dynamic_map(is_signed);
  const DynamicMapIndex& index = dynamic_map_index(is_signed);
  F32 largest = {};
  for (int64_t i = 0; i < kMomentBlock; i += kLanes) largest = max(abs(load(x + i)), largest);
  const float absmax = reduce_max(largest);
  const float inverse = absmax > 0 ? 1.0f / absmax : 0.0f;
  uint8_t padded[kMomentBlock];
  for (int64_t i = 0; i < kMomentBlock; i += kLanes) {
    const U8 code = __builtin_convertvector(indexed_codes(map, index, load(x + i) * inverse), U8);
    memcpy(padded + i, &code, sizeof(code));
  }
  memcpy(codes, padded, static_cast<size_t>(n));
  return absmax;
}

static inline void step_block(const Adamw8bitStepArgs& args, int64_t block) {
  const int64_t begin = block * kMomentBlock;
  const int64_t n = args.n - begin < kMomentBlock ? args.n - begin : kMomentBlock;
  const float grad_factor = *args.grad_factor;
  const AdamwCoefficients& rates = args.coefficients;
  Moments moments;
  decode(args.m + begin, n, dynamic_map(true), args.m_absmax[block], moments.m);
  decode(args.v + begin, n, dynamic_map(false), args.v_absmax[block], moments.v);
  for_vectors(n, [&](int64_t i, auto lanes) {
    const F32 g = load(args.grad + begin + i, lanes) * grad_factor;
    F32 m = load(moments.m + i, lanes);
    m = fma(g - m, splat(rates.beta1_rest), m);
    const F32 v = fma(g * rates.beta2_rest, g, load(moments.v + i, lanes) * rates.beta2);
    const F32 denominator = sqrt(v) / rates.v_correction + rates.eps;
    float* const p = args.param + begin + i;
    store(p, load(p, lanes) * rates.decay - rates.step_size * m / denominator, lanes);
    store(moments.m + i, m, lanes);
    store(moments.v + i, v, lanes);
  });
  args.m_absmax[block] = encode(moments.m, n, true, args.m + begin);
  args.v_absmax[block] = encode(moments.v, n, false, args.v + begin);
}

}  // namespace

void adamw8bit_step(const Adamw8bitStepArgs& args, ThreadPool& pool) {
  if (!__builtin_isfinite(*args.grad_factor)) return;
  constexpr int64_t kBlocksPerTask = kElementGrain / kMomentBlock;
  parallel_for(pool, moment_blocks(args.n), kBlocksPerTask, [&args](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) step_block(args, block);
  });
}

}  // namespace llft::cpu::LLFT_ISA

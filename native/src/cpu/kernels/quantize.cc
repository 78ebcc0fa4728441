// Formulas, layouts and errors: quantize.h.
#include "core/kernels/quantize.h"

#include <algorithm>
#include <cmath>

#include "core/dynamic_map.h"
#include "cpu/kernels/dynamic_map.h"
#include "cpu/simd/half.h"
#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

constexpr int64_t kBufferElements = 256;  // a part of a block whose codes wait to be packed
constexpr float kSmallestAbsmax = 1e-38f;

// body(TypeOf<T>{}) with the type of stored floats.
template <class Body>
static inline void with_stored(DType dtype, const Body& body) {
  if (dtype == DType::F16) return body(TypeOf<Half>{});
  with_act(dtype, body);
}

// The largest magnitude, or NaN where an element is NaN or infinite.
template <class T>
static float largest_magnitude(const T* x, int64_t n) {
  F32 most = {}, poison = {};
  for_vectors(n, [&](int64_t i, auto lanes) {
    const F32 v = load_any(x + i, lanes);
    most = max(abs(v), most);
    poison += v * 0.0f;
  });
  return reduce_max(most) + reduce_add(poison);
}

// The midpoints of a codebook in ascending order, and the codes between them.
struct Thresholds {
  float midpoints[15];
  uint8_t codes[16];

  explicit Thresholds(QuantFormat format) {
    const float* values = codebook_of(format);
    for (int i = 0; i < 16; ++i) codes[i] = static_cast<uint8_t>(i);
    std::stable_sort(codes, codes + 16, [&](int a, int b) { return values[a] < values[b]; });
    for (int i = 0; i < 15; ++i) {
      midpoints[i] = (values[codes[i]] + values[codes[i + 1]]) / 2.0f;
    }
  }
};

// ranks[i] = how many midpoints lie below x[i] / absmax.
template <class T>
static void rank_elements(const Thresholds& thresholds, const T* x, int64_t n, float inverse,
                          int32_t* ranks) {
  for_vectors(n, [&](int64_t i, auto lanes) {
    const F32 s = min(max(load_any(x + i, lanes) * inverse, splat(-1.0f)), splat(1.0f));
    I32 rank = {};
#pragma GCC unroll 15
    for (int t = 0; t < 15; ++t) rank -= splat(thresholds.midpoints[t]) < s;
    store(ranks + i, rank, lanes);
  });
}

template <class T>
static void quantize_block(const Quantize4bitArgs& args, const Thresholds& thresholds,
                           int64_t block) {
  const int64_t begin = block * args.block;
  const int64_t count = std::min(args.block, args.n - begin);
  const T* x = static_cast<const T*>(args.x) + begin;
  const float absmax = largest_magnitude(x, count);
  args.absmax[block] = absmax;
  const float inverse = 1.0f / (absmax < kSmallestAbsmax ? kSmallestAbsmax : absmax);
  const uint8_t* order = thresholds.codes;
  uint8_t* codes = args.codes + begin / 2;
  for (int64_t at = 0; at < count; at += kBufferElements) {
    const int64_t part = std::min(kBufferElements, count - at);
    int32_t ranks[kBufferElements + 1];
    rank_elements(thresholds, x + at, part, inverse, ranks);
    ranks[part] = 7;  // of 0, in both formats
    for (int64_t i = 0; i < part; i += 2) {
      codes[(at + i) / 2] = static_cast<uint8_t>(order[ranks[i]] << 4 | order[ranks[i + 1]]);
    }
  }
}

// Sum of `rows` rows of 32 floats, kept apart as 4 chains of 8 lanes. Each chain is summed in runs
// of 2^power, those in runs of 2^power, and so on over four levels.
static void sum_chains(const float* x, int64_t rows, float* sums) {
  int log = 0;
  while ((int64_t{1} << log) < rows) ++log;
  const int power = std::max(4, log / 4);
  const int64_t run = int64_t{1} << power;
  float levels[4][32] = {};
  const auto add = [](float* to, const float* from) {
    for (int i = 0; i < 32; ++i) to[i] += from[i];
  };
  int64_t row = 0;
  while (row + run <= rows) {
    for (const int64_t end = row + run; row < end; ++row) add(levels[0], x + row * 32);
    for (int level = 1; level < 4; ++level) {
      add(levels[level], levels[level - 1]);
      std::fill(levels[level - 1], levels[level - 1] + 32, 0.0f);
      if (row & ((run - 1) << (level * power))) break;
    }
  }
  for (; row < rows; ++row) add(levels[0], x + row * 32);
  for (int level = 1; level < 4; ++level) add(levels[0], levels[level]);
  std::copy(levels[0], levels[0] + 32, sums);
}

static float mean(const float* x, int64_t n) {
  float sums[32];
  sum_chains(x, n / 32, sums);
  int64_t i = n / 32 * 32;
  for (; i + 8 <= n; i += 8) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += x[i + lane];
  }
  for (int chain = 1; chain < 4; ++chain) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += sums[chain * 8 + lane];
  }
  float sum = 0;
  for (; i < n; ++i) sum += x[i];
  for (int lane = 0; lane < 8; ++lane) sum += sums[lane];
  return sum / static_cast<float>(n);
}

static inline uint8_t code_of_cell(const DynamicMap& map, float s) {
  const float clamped = s < -1.0f ? -1.0f : s > 1.0f ? 1.0f : s;
  const double cell = std::floor(unfused((clamped + 1.0f) * 32767.5f) + 0.5f);
  return static_cast<uint8_t>(nearest_code(map, static_cast<float>(cell / 32767.5 - 1.0)));
}

static void quantize_8bit_block(const Quantize8bitArgs& args, const DynamicMap& map,
                                int64_t block) {
  const int64_t begin = block * args.block;
  const int64_t end = std::min(args.n, begin + args.block);
  const float offset = args.offset ? *args.offset : 0.0f;
  float absmax = 0;
  for (int64_t i = begin; i < end; ++i) {
    const float magnitude = std::abs(args.x[i] - offset);
    absmax = magnitude <= absmax ? absmax : magnitude;  // NaN stays
  }
  args.absmax[block] = absmax;
  const float inverse = 1.0f / absmax;
  for (int64_t i = begin; i < end; ++i) {
    args.codes[i] = absmax == 0 ? 0 : code_of_cell(map, (args.x[i] - offset) * inverse);
  }
}

template <class T>
static void quantize_row(const QuantizeInt8Args& args, int64_t row) {
  const T* x = static_cast<const T*>(args.x) + row * args.columns;
  int8_t* codes = args.codes + row * args.columns;
  const float absmax = largest_magnitude(x, args.columns);
  args.absmax[row] = absmax / 127.0f;
  const float factor = absmax > 0 ? 127.0f / absmax : 0.0f;
  const F32 shifter = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  for (int64_t at = 0; at < args.columns; at += kBufferElements) {
    const int64_t part = std::min(kBufferElements, args.columns - at);
    int32_t integers[kBufferElements];
    for_vectors(part, [&](int64_t i, auto lanes) {
      const F32 s = min(max(load_any(x + at + i, lanes) * factor, splat(-127.0f)), splat(127.0f));
      store(integers + i, bit_cast<I32>(s + shifter) - bit_cast<I32>(shifter), lanes);
    });
    for (int64_t i = 0; i < part; ++i) codes[at + i] = static_cast<int8_t>(integers[i]);
  }
}

}  // namespace

void quantize_4bit(const Quantize4bitArgs& args, ThreadPool& pool) {
  const Thresholds thresholds(args.format);
  const int64_t blocks = (args.n + args.block - 1) / args.block;
  with_stored(args.dtype, [&](auto tag) {
    parallel_for(pool, blocks, row_grain(args.block), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b)
        quantize_block<ActOf<decltype(tag)>>(args, thresholds, b);
    });
  });
}

void quantize_8bit(const Quantize8bitArgs& args, ThreadPool& pool) {
  if (args.offset) *args.offset = args.n > 0 ? mean(args.x, args.n) : 0.0f;
  const DynamicMap& map = dynamic_map(args.is_signed);
  const int64_t blocks = (args.n + args.block - 1) / args.block;
  parallel_for(pool, blocks, 8, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) quantize_8bit_block(args, map, b);
  });
}

void dequantize_8bit(const Dequantize8bitArgs& args, ThreadPool& pool) {
  const DynamicMap& map = dynamic_map(args.is_signed);
  parallel_for(pool, args.n, kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float product = unfused(map.values[args.codes[i]] * args.absmax[i / args.block]);
      args.x[i] = args.offset ? product + *args.offset : product;
    }
  });
}

void quantize_int8(const QuantizeInt8Args& args, ThreadPool& pool) {
  with_stored(args.dtype, [&](auto tag) {
    parallel_for(pool, args.rows, row_grain(args.columns), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) quantize_row<ActOf<decltype(tag)>>(args, r);
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA

// The scales of blocks of 4-bit codes. Only kernel files with code lanes include this.
#pragma once

#include "cpu/kernels/code_lanes.h"
#include "cpu/kernels/expand_quantized.h"

namespace llft::cpu::LLFT_ISA {

// `count` <= kLanes floats, zeros behind them.
[[gnu::always_inline]] static inline F32 load_floats(const float* p, int64_t count) {
#if defined(__AVX512BW__)
  return (F32)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
#else
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
  return (F32)_mm256_maskload_ps(p, mask);
#endif
}

// As above, for bytes as whole numbers.
static inline I32 load_bytes(const uint8_t* p, int64_t count) {
#if defined(__AVX512BW__)
  const auto lanes = static_cast<__mmask16>((1u << count) - 1);
  return (I32)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, p));
#else
  uint8_t padded[kLanes] = {};
  if (count < kLanes) memcpy(padded, p, static_cast<size_t>(count));
  return (I32)widen_bytes(count < kLanes ? padded : p);
#endif
}

// The signed dynamic map without its table, as gathers are slow: from its middle on, outwards, it
// is seven straight lines of 1, 2, 4 ... 64 values, of one sign on either side, and 1 at the end.
class MapLines {
 public:
  explicit MapLines(const DynamicMap& map) {
    const float* middle = map.values + kMiddle;
    for (int line = 0; line <= 7; ++line) {
      const int first = 1 << line, last = 2 * first - 1;
      starts_[lane_of(line)] = middle[first];
      if (line == 0 || line == 7) continue;
      const float steps = static_cast<float>(first - 1);
      steps_[lane_of(line)] = (middle[last] - middle[first]) / steps;
    }
  }

  // Within two units in the last place of the map's values.
  F32 operator[](I32 code) const {
    const I32 distance = code - kMiddle;
    const I32 sign = distance & INT32_MIN;
    const F32 away = (F32)((I32) __builtin_convertvector(distance, F32) & INT32_MAX);
    const I32 line = (I32)((U32)away >> 23);
    const F32 first = (F32)((I32)away & kExponent);
    const F32 start = take_lanes(load_bytes<F32>(starts_), line);
    const F32 size = take_lanes(load_bytes<F32>(steps_), line) * (away - first) + start;
    return (F32)(((I32)size | sign) & (distance != 0));
  }

 private:
  static constexpr int kMiddle = 127;
  static constexpr int32_t kExponent = 0x7f800000;
  // 1 << line as a float32 has this exponent, of which `take_lanes` takes the last bits.
  static constexpr int lane_of(int line) { return (127 + line) % kLanes; }

  alignas(64) float starts_[kLanes] = {};
  alignas(64) float steps_[kLanes] = {};
};

inline const MapLines& signed_map_lines() {
  static const MapLines lines(dynamic_map(true));
  return lines;
}

// Doubly quantised absmax of kLanes blocks from `first` on; 0 beyond the `count` that are left.
static inline F32 nested_absmax(const QuantizedData& q, int64_t first, int64_t count) {
  const I32 codes = load_bytes(q.absmax_codes + first, count);
  I32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  const float* outer = q.nested_absmax + first / kNestedBlock;
  // Blocks that share the first outer scale.
  const int left = static_cast<int>(kNestedBlock - first % kNestedBlock);
  F32 factor = splat(outer[0]);
  if (left < count) factor = lane < left ? factor : splat(outer[1]);
  const F32 absmax = signed_map_lines()[codes] * factor + *q.offset;
  return lane < static_cast<int>(count) ? absmax : F32{};
}

// Fetches what `absmax_of_run` reads for block `first` of 64: a second stream of memory beside the
// codes, which the hardware's own prefetch does not keep up with.
static inline void prefetch_absmax(const QuantizedData& q, int64_t first) {
  const int64_t block = first >> (q.block_shift - 6);
  const void* scale = q.absmax ? static_cast<const void*>(q.absmax + block)
                               : static_cast<const void*>(q.absmax_codes + block);
  _mm_prefetch(static_cast<const char*>(scale), _MM_HINT_T0);
}

// absmax of kLanes times 64 codes from block `first` of 64 on; 0 beyond the `count` that there
// are.
[[gnu::always_inline]] static inline F32 absmax_of_run(const QuantizedData& q, int64_t first,
                                                       int64_t count) {
  if (count > kLanes) count = kLanes;
  const int shift = q.block_shift - 6;
  if (shift == 0 && q.absmax) return load_floats(q.absmax + first, count);
  if (shift == 0) return nested_absmax(q, first, count);
  float absmax[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) absmax[i] = absmax_of(q, (first + i) >> shift);
  return load_bytes<F32>(absmax);
}

}  // namespace llft::cpu::LLFT_ISA

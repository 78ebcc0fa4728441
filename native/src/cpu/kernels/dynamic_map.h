// The code of the nearest value of an 8-bit dynamic map: the number of midpoints below x, found in
// eight steps of a binary search. A number half-way between two values takes the lower one; NaN
// takes code 0. Only kernel files include this.
#pragma once

#include "core/dynamic_map.h"
#include "cpu/simd/vec.h"

namespace llft::cpu::LLFT_ISA::simd {

static inline F32 gather(const float* table, I32 index) {
#if defined(__AVX512F__)
  return (F32)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), static_cast<__mmask16>(-1),
                                       bit_cast<__m512i>(index), table, 4);
#elif defined(__AVX2__)
  return (F32)_mm256_i32gather_ps(table, bit_cast<__m256i>(index), 4);
#else
  F32 values;
  for (int i = 0; i < kLanes; ++i) values[i] = table[index[i]];
  return values;
#endif
}

// Codes in [0, 255], one per lane.
static inline I32 nearest_codes(const DynamicMap& map, F32 x) {
  I32 code = {};
#pragma GCC unroll 8
  for (int step = 128; step > 0; step /= 2) {
    const I32 below = gather(map.midpoints, code + (step - 1)) < x;
    code -= below * step;
  }
  return code;
}

static inline int32_t nearest_code(const DynamicMap& map, float x) {
  int32_t code = 0;
  for (int step = 128; step > 0; step /= 2) {
    if (map.midpoints[code + step - 1] < x) code += step;
  }
  return code;
}

}  // namespace llft::cpu::LLFT_ISA::simd

// The scales of blocks of 4-bit codes. Only kernel files with code lanes include this.
#pragma once

#include "cpu/kernels/expand_quantized.h"
#include "cpu/kernels/fixed_point_rows.h"

namespace llft::cpu::LLFT_ISA {

#if defined(__AVX512BW__)

// The signed dynamic map without its table, as gathers are slow: from the middle on, outwards, it
// is seven straight lines of 1, 2, 4 ... 64 values, of one sign on either side, and 1 at the end.
class MapLines {
 public:
  explicit MapLines(const DynamicMap& map) {
    const float* middle = map.values + kMiddle;
    for (int line = 0; line < 7; ++line) {
      const int first = 1 << line, last = 2 * first - 1;
      starts_[line] = middle[first];
      steps_[line] = line == 0 ? 0 : (middle[last] - middle[first]) / static_cast<float>(first - 1);
    }
    starts_[7] = middle[128];
  }

  // Within two units in the last place of the map's values.
  __m512 operator[](__m512i code) const {
    const __m512i distance = _mm512_sub_epi32(code, _mm512_set1_epi32(kMiddle));
    const __m512i away = _mm512_abs_epi32(distance);
    // -1 for 0, which takes the last entry.
    const __m512i line = _mm512_sub_epi32(_mm512_set1_epi32(31), _mm512_lzcnt_epi32(away));
    const __m512i first = _mm512_sllv_epi32(_mm512_set1_epi32(1), line);
    const __m512 along = _mm512_cvtepi32_ps(_mm512_sub_epi32(away, first));
    const __m512 size = _mm512_fmadd_ps(_mm512_permutexvar_ps(line, _mm512_load_ps(steps_)), along,
                                        _mm512_permutexvar_ps(line, _mm512_load_ps(starts_)));
    const __m512i sign = _mm512_and_si512(distance, _mm512_set1_epi32(INT32_MIN));
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(size), sign));
  }

 private:
  static constexpr int kMiddle = 127;
  alignas(64) float starts_[16] = {};
  alignas(64) float steps_[16] = {};
};

inline const MapLines& signed_map_lines() {
  static const MapLines lines(dynamic_map(true));
  return lines;
}

// Doubly quantised absmax of 16 blocks from `first` on, or of the `count` that are left.
static inline __m512 nested_absmax(const QuantizedData& q, const MapLines& map, int64_t first,
                                   int64_t count) {
  const auto lanes = static_cast<__mmask16>(count < 16 ? (1 << count) - 1 : 0xffff);
  const __m512i codes = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, q.absmax_codes + first));
  const float* outer = q.nested_absmax + first / kNestedBlock;
  const int64_t left = kNestedBlock - first % kNestedBlock;  // that share the first outer scale
  __m512 factor = _mm512_set1_ps(outer[0]);
  if (left < count) {
    factor = _mm512_mask_mov_ps(factor, static_cast<__mmask16>(0xffff << left),
                                _mm512_set1_ps(outer[1]));
  }
  return _mm512_maskz_fmadd_ps(lanes, map[codes], factor, _mm512_set1_ps(*q.offset));
}

#endif

// `count` <= kGemmLanes floats, zeros behind them.
static inline GemmF32 load_floats(const float* p, int64_t count) {
#if defined(__AVX512BW__)
  return (GemmF32)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
#else
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
  return (GemmF32)_mm256_maskload_ps(p, mask);
#endif
}

// absmax of kGemmLanes times 64 codes from block `first` of 64 on; 0 beyond the `count` that there
// are.
static inline GemmF32 absmax_of_run(const QuantizedData& q, int64_t first, int64_t count) {
  if (count > kGemmLanes) count = kGemmLanes;
  const int shift = q.block_shift - 6;
  if (shift == 0 && q.absmax) return load_floats(q.absmax + first, count);
#if defined(__AVX512BW__)
  if (shift == 0) return (GemmF32)nested_absmax(q, signed_map_lines(), first, count);
#endif
  float absmax[kGemmLanes] = {};
  for (int64_t i = 0; i < count; ++i) absmax[i] = absmax_of(q, (first + i) >> shift);
  return gemm_load<GemmF32>(absmax);
}

}  // namespace llft::cpu::LLFT_ISA

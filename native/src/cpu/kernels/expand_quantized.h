// Codes of a quantised matrix to units of the matrix kernels (see GemmPacking), or to a run of
// float32 or bfloat16: W in float32 is one product, rounded once more to bfloat16.
//
//   4 bits  a table of the 16 possible results per block, then one look-up per element
//   int8    code * scale of the row
//
// Bytes read: those of the codes, no more; FLOPs: 16 per block, or 1 per element.
// Only kernel files include this.
#pragma once

#include "core/dynamic_map.h"
#include "core/kernels/quantized.h"
#include "cpu/kernels/gemm_pack.h"
#include "cpu/kernels/gemm_vec.h"
#include "cpu/simd/vec.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace llft::cpu::LLFT_ISA {

// Sixteen entries, looked up by the lowest four bits of each lane.
class Table16 {
 public:
  Table16() = default;
  explicit Table16(const uint32_t* entries) { memcpy(&entries_, entries, sizeof(entries_)); }

  GemmU32 operator[](GemmU32 index) const {
#if defined(__AVX512F__)
    return (GemmU32)_mm512_permutexvar_epi32((__m512i)index, (__m512i)entries_[0]);
#elif defined(__AVX2__)
    const GemmU32 low = (GemmU32)_mm256_permutevar8x32_epi32((__m256i)entries_[0], (__m256i)index);
    const GemmU32 high = (GemmU32)_mm256_permutevar8x32_epi32((__m256i)entries_[1], (__m256i)index);
    const GemmU32 is_high = index << 28;  // in the sign
    return (GemmU32)_mm256_blendv_ps((__m256)low, (__m256)high, (__m256)is_high);
#else
    uint32_t entries[16];
    memcpy(entries, &entries_, sizeof(entries));
    GemmU32 found;
    for (int i = 0; i < kGemmLanes; ++i) found[i] = entries[index[i] & 15];
    return found;
#endif
  }

 private:
  GemmU32 entries_[16 / kGemmLanes];
};

// One byte to each lane, unsigned or signed; the general conversion takes the lanes one by one.
static inline GemmU32 widen_bytes(const uint8_t* bytes) {
#if defined(__AVX512F__)
  return (GemmU32)_mm512_cvtepu8_epi32(gemm_load<__m128i>(bytes));
#elif defined(__AVX2__)
  return (GemmU32)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
#else
  return __builtin_convertvector(gemm_load<GemmU8>(bytes), GemmU32);
#endif
}
static inline GemmI32 widen_signed(const uint8_t* bytes) {
#if defined(__AVX512F__)
  return (GemmI32)_mm512_cvtepi8_epi32(gemm_load<__m128i>(bytes));
#elif defined(__AVX2__)
  return (GemmI32)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
#else
  return (GemmI32)(widen_bytes(bytes) << 24) >> 24;
#endif
}

// Elements in a vector of units.
template <GemmPacking P>
inline constexpr int64_t kUnitElements = P == GemmPacking::kPairs ? 2 * kGemmLanes : kGemmLanes;

// float32 as a unit that holds it once: as it is, or the 16 bits of a bfloat16.
template <GemmPacking P>
static inline GemmU32 unit_of(GemmF32 value) {
  if constexpr (P == GemmPacking::kFloat) return (GemmU32)value;
  return gemm_bf16_bits(value);
}

static inline float absmax_of(const QuantizedData& q, int64_t block) {
  if (q.absmax) return q.absmax[block];
  static const DynamicMap& map = dynamic_map(true);
  const float value = map.values[q.absmax_codes[block]];
  return simd::unfused(value * q.nested_absmax[block / kNestedBlock]) + *q.offset;
}

// 4-bit codes of one block.
template <GemmPacking P>
class BlockCodes {
 public:
  static constexpr int64_t kBytes = kUnitElements<P> / 2;

  BlockCodes() = default;
  BlockCodes(const QuantizedData& q, int64_t block) {
    const float* codebook = codebook_of(q.format);
    const float absmax = absmax_of(q, block);
    uint32_t entries[16];
    for (int i = 0; i < 16; i += kGemmLanes) {
      gemm_store(entries + i, unit_of<P>(gemm_load<GemmF32>(codebook + i) * absmax));
    }
    table_ = Table16(entries);
  }

  // kUnitElements elements from kBytes bytes.
  GemmU32 units(const uint8_t* codes) const {
    if constexpr (P == GemmPacking::kPairs) {
      const GemmU32 bytes = widen_bytes(codes);
      return table_[bytes >> 4] | (table_[bytes & 15] << 16);
    } else {
      return table_[nibbles(codes) & 15];
    }
  }

 private:
  // Lane i holds code i in its lowest four bits.
  static GemmU32 nibbles(const uint8_t* codes) {
    static constexpr uint32_t kShifts[16] = {4, 0, 12, 8, 20, 16, 28, 24,
                                             4, 0, 12, 8, 20, 16, 28, 24};
    static constexpr uint32_t kUpper[16] = {0,   0,   0,   0,   0,   0,   0,   0,
                                            ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
    uint32_t words[2] = {};
    memcpy(words, codes, kBytes);
    GemmU32 spread = GemmU32{} + words[0];
    if constexpr (kGemmLanes > 8) {
      const GemmU32 upper = gemm_load<GemmU32>(kUpper);
      spread = (spread & ~upper) | ((GemmU32{} + words[1]) & upper);
    }
    return spread >> gemm_load<GemmU32>(kShifts);
  }

  Table16 table_;
};

// int8 codes of one row.
template <GemmPacking P>
class RowCodes {
 public:
  static constexpr int64_t kBytes = kUnitElements<P>;

  RowCodes() = default;
  RowCodes(const QuantizedData& q, int64_t row) : scale_(q.absmax[row]) {}

  GemmU32 units(const uint8_t* codes) const {
    if constexpr (P == GemmPacking::kPairs) {
#if defined(__AVX512BF16__)
      // Rounds two vectors at once, in the order in which pairs lie in memory.
      return (GemmU32)_mm512_cvtne2ps_pbh((__m512)floats(codes + kGemmLanes),
                                          (__m512)floats(codes));
#endif
      const GemmU32 both = simd::widen_u16(gemm_load<simd::U16>(codes));
      const GemmI32 first = (GemmI32)(both << 24) >> 24, second = (GemmI32)(both << 16) >> 24;
      return unit_of<P>(product(first)) | (unit_of<P>(product(second)) << 16);
    } else {
      return unit_of<P>(floats(codes));
    }
  }

 private:
  GemmF32 floats(const uint8_t* codes) const { return product(widen_signed(codes)); }
  GemmF32 product(GemmI32 code) const { return __builtin_convertvector(code, GemmF32) * scale_; }
  float scale_ = 0;
};

// Where kUnitElements elements or fewer are wanted: `count` of them from element `skip` of the
// first byte on.
template <class Codes, class T>
static inline void expand_part(const Codes& decoder, const uint8_t* codes, int64_t skip,
                               int64_t count, int64_t bytes, T* out) {
  uint8_t padded[Codes::kBytes] = {};
  memcpy(padded, codes, static_cast<size_t>(bytes));
  const GemmU32 units = decoder.units(padded);
  memcpy(out, reinterpret_cast<const T*>(&units) + skip, static_cast<size_t>(count) * sizeof(T));
}

// The stored layout of T: bfloat16 lies in memory as pairs do.
template <class T>
inline constexpr GemmPacking kStoredAs = sizeof(T) == 4 ? GemmPacking::kFloat : GemmPacking::kPairs;

// out[i] = W's element `first` + i, all of one block.
template <class T>
static inline void expand_block(const QuantizedData& q, int64_t first, int64_t count, T* out) {
  constexpr int64_t kStep = kUnitElements<kStoredAs<T>>;
  const BlockCodes<kStoredAs<T>> decoder(q, first >> q.block_shift);
  if (first & 1) {
    expand_part(decoder, q.codes + first / 2, 1, 1, 1, out);
    ++first;
    ++out;
    --count;
  }
  const uint8_t* codes = q.codes + first / 2;
  int64_t i = 0;
  for (; i + kStep <= count; i += kStep) gemm_store(out + i, decoder.units(codes + i / 2));
  if (i < count) {
    expand_part(decoder, codes + i / 2, 0, count - i, (count - i + 1) / 2, out + i);
  }
}

// out[i] = W[row][column + i] for i < count.
template <class T>
static inline void expand_quantized(const QuantizedData& q, int64_t row, int64_t column,
                                    int64_t count, T* out) {
  int64_t first = row * q.columns + column;
  if (q.format == QuantFormat::INT8) {
    constexpr int64_t kStep = kUnitElements<kStoredAs<T>>;
    const RowCodes<kStoredAs<T>> decoder(q, row);
    int64_t i = 0;
    for (; i + kStep <= count; i += kStep) gemm_store(out + i, decoder.units(q.codes + first + i));
    if (i < count) expand_part(decoder, q.codes + first + i, 0, count - i, count - i, out + i);
    return;
  }
  while (count > 0) {
    const int64_t end = ((first >> q.block_shift) + 1) << q.block_shift;
    const int64_t part = end - first < count ? end - first : count;
    expand_block(q, first, part, out);
    first += part;
    out += part;
    count -= part;
  }
}

}  // namespace llft::cpu::LLFT_ISA

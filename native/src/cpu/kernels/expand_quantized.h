// Codes of a quantised matrix to units of the matrix kernels (see GemmPacking), or to a run of
// float32 or bfloat16: W in float32 is one product, rounded once more to bfloat16.
//
//   4 bits  a table of the 16 possible results per block, then one look-up per element
//   int8    code * scale of the row
//   blocks  block_parts.h
//
// Bytes read: those of the codes, no more; FLOPs: 16 per block, or 1 per element.
// Only kernel files include this.
#pragma once

#include "core/dynamic_map.h"
#include "core/kernels/quantized.h"
#include "cpu/kernels/block_parts.h"
#include "cpu/kernels/gemm_pack.h"
#include "cpu/simd/vec.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace llft::cpu::LLFT_ISA {

using namespace simd;

// Sixteen entries, looked up by the lowest four bits of each lane.
class Table16 {
 public:
  Table16() = default;
  explicit Table16(const uint32_t* entries) { memcpy(&entries_, entries, sizeof(entries_)); }

  U32 operator[](U32 index) const {
#if defined(__AVX512F__)
    return (U32)_mm512_permutexvar_epi32((__m512i)index, (__m512i)entries_[0]);
#elif defined(__AVX2__)
    const U32 low = (U32)_mm256_permutevar8x32_epi32((__m256i)entries_[0], (__m256i)index);
    const U32 high = (U32)_mm256_permutevar8x32_epi32((__m256i)entries_[1], (__m256i)index);
    const U32 is_high = index << 28;  // in the sign
    return (U32)_mm256_blendv_ps((__m256)low, (__m256)high, (__m256)is_high);
#else
    uint32_t entries[16];
    memcpy(entries, &entries_, sizeof(entries));
    U32 found;
    for (int i = 0; i < kLanes; ++i) found[i] = entries[index[i] & 15];
    return found;
#endif
  }

 private:
  U32 entries_[16 / kLanes];
};

// One byte to each lane, unsigned or signed; the general conversion takes the lanes one by one.
static inline U32 widen_bytes(const uint8_t* bytes) {
#if defined(__AVX512F__)
  return (U32)_mm512_cvtepu8_epi32(load_bytes<__m128i>(bytes));
#elif defined(__AVX2__)
  return (U32)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
#else
  return __builtin_convertvector(load_bytes<U8>(bytes), U32);
#endif
}
static inline I32 widen_signed(const uint8_t* bytes) {
#if defined(__AVX512F__)
  return (I32)_mm512_cvtepi8_epi32(load_bytes<__m128i>(bytes));
#elif defined(__AVX2__)
  return (I32)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
#else
  return (I32)(widen_bytes(bytes) << 24) >> 24;
#endif
}

// Elements in a vector of units.
template <GemmPacking P>
inline constexpr int64_t kUnitElements = P == GemmPacking::kPairs ? 2 * kLanes : kLanes;

// float32 as a unit that holds it once: as it is, or the 16 bits of a bfloat16.
template <GemmPacking P>
static inline U32 unit_of(F32 value) {
  if constexpr (P == GemmPacking::kFloat) return (U32)value;
  return bf16_bits(value);
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
    for (int i = 0; i < 16; i += kLanes) {
      store_bytes(entries + i, unit_of<P>(load_bytes<F32>(codebook + i) * absmax));
    }
    table_ = Table16(entries);
  }

  // kUnitElements elements from kBytes bytes.
  U32 units(const uint8_t* codes) const {
    if constexpr (P == GemmPacking::kPairs) {
      const U32 bytes = widen_bytes(codes);
      return table_[bytes >> 4] | (table_[bytes & 15] << 16);
    } else {
      return table_[nibbles(codes) & 15];
    }
  }

 private:
  // Lane i holds code i in its lowest four bits.
  static U32 nibbles(const uint8_t* codes) {
    static constexpr uint32_t kShifts[16] = {4, 0, 12, 8, 20, 16, 28, 24,
                                             4, 0, 12, 8, 20, 16, 28, 24};
    static constexpr uint32_t kUpper[16] = {0,   0,   0,   0,   0,   0,   0,   0,
                                            ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
    uint32_t words[2] = {};
    memcpy(words, codes, kBytes);
    U32 spread = U32{} + words[0];
    if constexpr (kLanes > 8) {
      const U32 upper = load_bytes<U32>(kUpper);
      spread = (spread & ~upper) | ((U32{} + words[1]) & upper);
    }
    return spread >> load_bytes<U32>(kShifts);
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

  U32 units(const uint8_t* codes) const {
    if constexpr (P == GemmPacking::kPairs) {
#if defined(__AVX512BF16__)
      // Rounds two vectors at once, in the order in which pairs lie in memory.
      return (U32)_mm512_cvtne2ps_pbh((__m512)floats(codes + kLanes), (__m512)floats(codes));
#endif
      const U32 both = simd::widen_u16(load_bytes<simd::U16>(codes));
      const I32 first = (I32)(both << 24) >> 24, second = (I32)(both << 16) >> 24;
      return unit_of<P>(product(first)) | (unit_of<P>(product(second)) << 16);
    } else {
      return unit_of<P>(floats(codes));
    }
  }

 private:
  F32 floats(const uint8_t* codes) const { return product(widen_signed(codes)); }
  F32 product(I32 code) const { return __builtin_convertvector(code, F32) * scale_; }
  float scale_ = 0;
};

// Where kUnitElements elements or fewer are wanted: `count` of them from element `skip` of the
// first byte on.
template <class Codes, class T>
static inline void expand_part(const Codes& decoder, const uint8_t* codes, int64_t skip,
                               int64_t count, int64_t bytes, T* out) {
  uint8_t padded[Codes::kBytes] = {};
  memcpy(padded, codes, static_cast<size_t>(bytes));
  const U32 units = decoder.units(padded);
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
  for (; i + kStep <= count; i += kStep) store_bytes(out + i, decoder.units(codes + i / 2));
  if (i < count) {
    expand_part(decoder, codes + i / 2, 0, count - i, (count - i + 1) / 2, out + i);
  }
}

// The same for a matrix of blocks of GGUF.
template <class T>
static inline void expand_blocks(const QuantizedData& q, int64_t row, int64_t column, int64_t count,
                                 T* out) {
  const uint8_t* blocks = q.codes + row * row_bytes(q.format, q.columns);
  with_block(q.format, [&](auto block) {
    constexpr int64_t kElements = elements_of<decltype(block)>;
    if constexpr (std::is_same_v<T, float>) {
      expand_run<decltype(block)>(blocks, column, count, out);
    } else {
      for (int64_t at = 0; at < count; at += kElements) {
        const int64_t part = count - at < kElements ? count - at : kElements;
        float values[kElements];
        expand_run<decltype(block)>(blocks, column + at, part, values);
        for_vectors(part, [&](int64_t i, auto lanes) {
          store(out + at + i, load(values + i, lanes), lanes);
        });
      }
    }
  });
}

// out[i] = W[row][column + i] for i < count.
template <class T>
static inline void expand_quantized(const QuantizedData& q, int64_t row, int64_t column,
                                    int64_t count, T* out) {
  if (is_blocks(q.format)) return expand_blocks(q, row, column, count, out);
  int64_t first = row * q.columns + column;
  if (q.format == QuantFormat::INT8) {
    constexpr int64_t kStep = kUnitElements<kStoredAs<T>>;
    const RowCodes<kStoredAs<T>> decoder(q, row);
    int64_t i = 0;
    for (; i + kStep <= count; i += kStep) store_bytes(out + i, decoder.units(q.codes + first + i));
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

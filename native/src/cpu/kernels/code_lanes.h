// 64 or 128 codes at a time as 16-bit whole numbers or as float32, and their products with others:
// the part of few_rows_codes.h that is written per instruction set. Only its kernel files include
// it.
#pragma once

#include <type_traits>

#include "core/kernels/quantized.h"
#include "cpu/kernels/expand_quantized.h"
#include "cpu/simd/vec.h"

#if defined(__AVX512BW__) || defined(__AVX2__)
#define LLFT_HAS_CODE_LANES 1
#include <immintrin.h>
#else
#define LLFT_HAS_CODE_LANES 0
#endif

namespace llft::cpu::LLFT_ISA {

inline constexpr int64_t kCodeBlock = 64;  // codes that share a scale
// Numbers below 2^14: eight products of two of them, which one lane adds up, fit int32.
inline constexpr float kCodebookScale = 16383.0f;

#if LLFT_HAS_CODE_LANES

#if defined(__AVX512BW__)
inline constexpr int64_t kCodeGroup = 128;  // 4-bit codes in a vector
typedef __m512i CodeVector;
#else
inline constexpr int64_t kCodeGroup = 64;
typedef __m256i CodeVector;
#endif
inline constexpr int kWords = 2 * kLanes;  // 16-bit numbers in a vector

// The codebook as whole numbers, twice: where a look-up takes five bits, the highest is a
// neighbour's.
struct CodeTable {
  alignas(64) int16_t entries[32];

  constexpr explicit CodeTable(const float* codebook) : entries() {
    for (int i = 0; i < 32; ++i) {
      const float value = codebook[i % 16] * kCodebookScale;
      entries[i] = static_cast<int16_t>(value < 0 ? value - 0.5f : value + 0.5f);
    }
  }
};
inline constexpr CodeTable kNf4Table(kNf4Values);
inline constexpr CodeTable kFp4Table(kFp4Values);

static inline const CodeTable& code_table_of(QuantFormat format) {
  return format == QuantFormat::FP4 ? kFp4Table : kNf4Table;
}

// What a group of 4-bit codes becomes.
struct WordVectors {
  typedef CodeVector Vector;
  static constexpr int kVectors = 4;
  static constexpr float kUnit = 1 / kCodebookScale;
};

static inline void prefetch_codes(const uint8_t* codes) {
  _mm_prefetch(reinterpret_cast<const char*>(codes), _MM_HINT_T1);
}

#if defined(__AVX512BW__)

static inline CodeVector add_words(CodeVector sum, CodeVector a, CodeVector b) {
#if defined(__AVX512VNNI__)
  return _mm512_dpwssd_epi32(sum, a, b);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

template <bool kIsHalf>
static inline CodeVector load_group(const uint8_t* codes) {
  if constexpr (kIsHalf) return _mm512_zextsi256_si512(load_bytes<__m256i>(codes));
  return _mm512_loadu_si512(codes);
}

// A group of 4-bit codes to four vectors; of half a group, the other half counts as codes of 0.
class WordLookUp : public WordVectors {
 public:
  explicit WordLookUp(QuantFormat format)
      : table_(_mm512_load_si512(code_table_of(format).entries)) {}

  template <bool kIsHalf>
  [[gnu::always_inline]] void load(const uint8_t* codes, CodeVector* words) const {
    const CodeVector all = load_group<kIsHalf>(codes);
    words[0] = _mm512_permutexvar_epi16(all, table_);
    words[1] = _mm512_permutexvar_epi16(_mm512_srli_epi32(all, 4), table_);
    words[2] = _mm512_permutexvar_epi16(_mm512_srli_epi32(all, 8), table_);
    words[3] = _mm512_permutexvar_epi16(_mm512_srli_epi16(all, 12), table_);
  }

 private:
  CodeVector table_;
};

// The 128 numbers of a group in the order of `WordLookUp`: two bytes hold the codes of
// elements 4l + 1, 4l, 4l + 3 and 4l + 2 from their lowest bits on.
static inline void order_as_codes(const int16_t* group, int16_t* ordered) {
  for (int l = 0; l < kWords; ++l) {
    ordered[l] = group[4 * l + 1];
    ordered[kWords + l] = group[4 * l];
    ordered[2 * kWords + l] = group[4 * l + 3];
    ordered[3 * kWords + l] = group[4 * l + 2];
  }
}

// 64 int8 codes to two vectors.
[[gnu::always_inline]] static inline void load_int8(const uint8_t* codes, CodeVector* words) {
  unrolled<2>(
      [&](auto v) { words[v] = _mm512_cvtepi8_epi16(load_bytes<__m256i>(codes + 32 * v)); });
}

// Lane i of the result is that lane of v which the last bits of lanes[i] name.
static inline F32 take_lanes(F32 v, I32 lanes) {
  return (F32)_mm512_permutexvar_ps((__m512i)lanes, (__m512)v);
}

// Which of 16 scales the lanes of a group take: its first block is summed by their lower half.
class ScaleLanes {
 public:
  F32 of(F32 scales) const { return take_lanes(scales, (I32)lanes_); }
  void to_next_group() { lanes_ = _mm512_add_epi32(lanes_, _mm512_set1_epi32(2)); }

 private:
  CodeVector lanes_ = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
};

#else

static inline CodeVector add_words(CodeVector sum, CodeVector a, CodeVector b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

template <bool>
static inline CodeVector load_group(const uint8_t* codes) {
  return load_bytes<__m256i>(codes);
}

// As above, the lower and upper bytes of the numbers being looked up apart. A group is one block,
// so there are no halves.
class WordLookUp : public WordVectors {
 public:
  explicit WordLookUp(QuantFormat format) {
    alignas(16) uint8_t lower[16], upper[16];
    for (int i = 0; i < 16; ++i) {
      const auto entry = static_cast<uint16_t>(code_table_of(format).entries[i]);
      lower[i] = static_cast<uint8_t>(entry);
      upper[i] = static_cast<uint8_t>(entry >> 8);
    }
    lower_ = _mm256_broadcastsi128_si256(load_bytes<__m128i>(lower));
    upper_ = _mm256_broadcastsi128_si256(load_bytes<__m128i>(upper));
  }

  template <bool>
  [[gnu::always_inline]] void load(const uint8_t* codes, CodeVector* words) const {
    const CodeVector all = load_group<false>(codes), mask = _mm256_set1_epi8(15);
    const CodeVector halves[2] = {_mm256_and_si256(all, mask),
                                  _mm256_and_si256(_mm256_srli_epi16(all, 4), mask)};
    for (int half = 0; half < 2; ++half) {
      const CodeVector lower = _mm256_shuffle_epi8(lower_, halves[half]);
      const CodeVector upper = _mm256_shuffle_epi8(upper_, halves[half]);
      words[2 * half] = _mm256_unpacklo_epi8(lower, upper);
      words[2 * half + 1] = _mm256_unpackhi_epi8(lower, upper);
    }
  }

 private:
  CodeVector lower_, upper_;
};

// The lower half of a byte is the second of its two elements; bytes are unpacked by eights of each
// 128 bits.
static inline void order_as_codes(const int16_t* group, int16_t* ordered) {
  for (int eight = 0; eight < 4; ++eight) {
    int16_t* second = ordered + eight % 2 * kWords + eight / 2 * 8;
    for (int i = 0; i < 8; ++i) {
      const int16_t* pair = group + 16 * eight + 2 * i;
      second[i] = pair[1];
      second[2 * kWords + i] = pair[0];
    }
  }
}

// 64 int8 codes to four vectors.
[[gnu::always_inline]] static inline void load_int8(const uint8_t* codes, CodeVector* words) {
  unrolled<4>(
      [&](auto v) { words[v] = _mm256_cvtepi8_epi16(load_bytes<__m128i>(codes + 16 * v)); });
}

static inline F32 take_lanes(F32 v, I32 lanes) {
  return (F32)_mm256_permutevar8x32_ps((__m256)v, (__m256i)lanes);
}

// As above; a group is one block.
class ScaleLanes {
 public:
  F32 of(F32 scales) const { return take_lanes(scales, (I32)lanes_); }
  void to_next_group() { lanes_ = _mm256_add_epi32(lanes_, _mm256_set1_epi32(1)); }

 private:
  CodeVector lanes_ = _mm256_setzero_si256();
};

#endif

// A group of 4-bit codes to eight vectors of float32: a lane holds the codes of elements 8l + 1,
// 8l, 8l + 3 ... from its lowest bits on.
class FloatLookUp {
 public:
  typedef F32 Vector;
  static constexpr int kVectors = 8;
  static constexpr float kUnit = 1;

  explicit FloatLookUp(QuantFormat format)
      : table_(reinterpret_cast<const uint32_t*>(codebook_of(format))) {}

  template <bool kIsHalf>
  [[gnu::always_inline]] void load(const uint8_t* codes, F32* values) const {
    const auto all = (U32)load_group<kIsHalf>(codes);
    unrolled<kVectors>([&](auto v) { values[v] = (F32)table_[all >> (4 * v)]; });
  }

 private:
  Table16 table_;
};

static inline void order_as_codes(const float* group, float* ordered) {
  for (int v = 0; v < FloatLookUp::kVectors; ++v) {
    for (int l = 0; l < kLanes; ++l) ordered[v * kLanes + l] = group[8 * l + (v ^ 1)];
  }
}

// 64 int8 codes.
[[gnu::always_inline]] static inline void load_int8(const uint8_t* codes, F32* values) {
  unrolled<kCodeBlock / kLanes>(
      [&](auto v) { values[v] = __builtin_convertvector(widen_signed(codes + v * kLanes), F32); });
}

// How codes are looked up for rows of `Value`.
template <class Value>
using LookUp = std::conditional_t<std::is_same_v<Value, float>, FloatLookUp, WordLookUp>;

#endif

}  // namespace llft::cpu::LLFT_ISA

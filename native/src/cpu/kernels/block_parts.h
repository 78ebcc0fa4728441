// Blocks of GGUF (core/blocks.h) in parts of 32 neighbours: the whole numbers that they hold,
// and the scales and minima that turn those into w = scale q - minimum.
//
// Every product is exact in float32 (a float16, a scale of at most 8 bits and a number of at
// most 8), so that only the subtraction rounds: w has the bits of ggml's dequantisation.
// Only kernel files include this.
#pragma once

#include <cstring>

#include "core/blocks.h"
#include "core/half.h"
#include "cpu/simd/vec.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace llft::cpu::LLFT_ISA {

inline constexpr int kPart = 32;

// Of a part: one scale and minimum for each of `count` runs of equal length.
template <int kCount>
struct PartScales {
  static constexpr int count = kCount;
  float scale[kCount];
  float minimum[kCount];
};

// ---- numbers ---------------------------------------------------------------------------------------

// The low halves of 16 bytes, then the high ones.
static inline void split_halves(const uint8_t* bytes, int8_t* q) {
  for (int i = 0; i < 16; ++i) q[i] = static_cast<int8_t>(bytes[i] & 15);
  for (int i = 0; i < 16; ++i) q[i + 16] = static_cast<int8_t>(bytes[i] >> 4);
}

// One half of each of 32 bytes.
static inline void take_halves(const uint8_t* bytes, int which, int8_t* q) {
  const int shift = 4 * which;
  for (int i = 0; i < kPart; ++i) q[i] = static_cast<int8_t>(bytes[i] >> shift & 15);
}

// q[i] += bit i of a word, times 16.
static inline void add_fifth_bits(const uint8_t* high, int8_t* q) {
  for (int byte = 0; byte < 4; ++byte) {
    for (int i = 0; i < 8; ++i) {
      q[8 * byte + i] = static_cast<int8_t>(q[8 * byte + i] | (high[byte] >> i & 1) << 4);
    }
  }
}

// q[i] += bit `bit` of byte i, times 2^to.
static inline void add_bit_plane(const uint8_t* planes, int bit, int to, int8_t* q) {
  for (int i = 0; i < kPart; ++i) {
    q[i] = static_cast<int8_t>(q[i] | (planes[i] >> bit & 1) << to);
  }
}

// q[i] += the two bits `2 part` of byte i, times 2^to.
static inline void add_quarters(const uint8_t* bytes, int part, int to, int8_t* q) {
  const int shift = 2 * part;
  for (int i = 0; i < kPart; ++i) {
    q[i] = static_cast<int8_t>(q[i] | (bytes[i] >> shift & 3) << to);
  }
}

static inline void shift_down(int8_t* q, int by) {
  for (int i = 0; i < kPart; ++i) q[i] = static_cast<int8_t>(q[i] - by);
}

// q[i] = values[q[i]]
static inline void look_up(const int8_t (&values)[16], int8_t* q) {
#if defined(__AVX2__)
  const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(values));
  for (int i = 0; i < kPart; i += 16) {
    auto* p = reinterpret_cast<__m128i*>(q + i);
    _mm_storeu_si128(p, _mm_shuffle_epi8(table, _mm_loadu_si128(p)));
  }
#else
  for (int i = 0; i < kPart; ++i) q[i] = values[q[i]];
#endif
}

static inline void numbers_of(const BlockQ4_0& block, int, int8_t* q) {
  split_halves(block.codes, q);
  shift_down(q, 8);
}
static inline void numbers_of(const BlockQ4_1& block, int, int8_t* q) {
  split_halves(block.codes, q);
}
static inline void numbers_of(const BlockQ5_0& block, int, int8_t* q) {
  split_halves(block.codes, q);
  add_fifth_bits(block.high, q);
  shift_down(q, 16);
}
static inline void numbers_of(const BlockQ5_1& block, int, int8_t* q) {
  split_halves(block.codes, q);
  add_fifth_bits(block.high, q);
}
static inline void numbers_of(const BlockQ8_0& block, int, int8_t* q) {
  memcpy(q, block.codes, kPart);
}
static inline void numbers_of(const BlockQ2_K& block, int part, int8_t* q) {
  memset(q, 0, kPart);
  add_quarters(block.codes + 32 * (part / 4), part % 4, 0, q);
}
static inline void numbers_of(const BlockQ3_K& block, int part, int8_t* q) {
  memset(q, 0, kPart);
  add_quarters(block.codes + 32 * (part / 4), part % 4, 0, q);
  add_bit_plane(block.high, part, 2, q);
  shift_down(q, 4);
}
static inline void numbers_of(const BlockQ4_K& block, int part, int8_t* q) {
  take_halves(block.codes + 32 * (part / 2), part % 2, q);
}
static inline void numbers_of(const BlockQ5_K& block, int part, int8_t* q) {
  take_halves(block.codes + 32 * (part / 2), part % 2, q);
  add_bit_plane(block.high, part, 4, q);
}
static inline void numbers_of(const BlockQ6_K& block, int part, int8_t* q) {
  const int half = part / 4, quarter = part % 4;
  take_halves(block.low + 64 * half + 32 * (quarter % 2), quarter / 2, q);
  add_quarters(block.high + 32 * half, quarter, 4, q);
  shift_down(q, 32);
}
static inline void numbers_of(const BlockIQ4_NL& block, int, int8_t* q) {
  split_halves(block.codes, q);
  look_up(kIq4Values, q);
}
static inline void numbers_of(const BlockIQ4_XS& block, int part, int8_t* q) {
  split_halves(block.codes + 16 * part, q);
  look_up(kIq4Values, q);
}
static inline void numbers_of(const BlockMXFP4& block, int, int8_t* q) {
  split_halves(block.codes, q);
  look_up(kMxfp4Values, q);
}

// ---- scales ----------------------------------------------------------------------------------------

// Of 12 bytes: eight scales and eight minima of 6 bits.
static inline int scale_6_bits(const uint8_t* bytes, int i) {
  return i < 4 ? bytes[i] & 63 : (bytes[i + 4] & 15) | bytes[i - 4] >> 6 << 4;
}
static inline int minimum_6_bits(const uint8_t* bytes, int i) {
  return i < 4 ? bytes[i + 4] & 63 : bytes[i + 4] >> 4 | bytes[i] >> 6 << 4;
}

// Of 12 bytes: sixteen scales of 6 bits.
static inline int scale_of_sixteen(const uint8_t* bytes, int i) {
  return (bytes[i % 8] >> 4 * (i / 8) & 15) | (bytes[8 + i % 4] >> 2 * (i / 4) & 3) << 4;
}

// A single scale for the whole part.
template <class Block>
static inline PartScales<1> scales_of(const Block& block, int) {
  if constexpr (requires { block.m; }) return {{half_to_float(block.d)}, {-half_to_float(block.m)}};
  return {{half_to_float(block.d)}, {0}};
}
static inline PartScales<1> scales_of(const BlockMXFP4& block, int) {
  return {{mxfp4_scale(block.exponent)}, {0}};
}
static inline PartScales<1> scales_of(const BlockIQ4_XS& block, int part) {
  const int low = block.scales_low[part / 2] >> 4 * (part % 2) & 15;
  const int scale = (low | (block.scales_high >> 2 * part & 3) << 4) - 32;
  return {{half_to_float(block.d) * static_cast<float>(scale)}, {0}};
}
template <class Block>
static inline PartScales<1> scales_and_minima(const Block& block, int part) {
  return {{half_to_float(block.d) * static_cast<float>(scale_6_bits(block.scales, part))},
          {half_to_float(block.dmin) * static_cast<float>(minimum_6_bits(block.scales, part))}};
}
static inline PartScales<1> scales_of(const BlockQ4_K& block, int part) {
  return scales_and_minima(block, part);
}
static inline PartScales<1> scales_of(const BlockQ5_K& block, int part) {
  return scales_and_minima(block, part);
}
static inline PartScales<2> scales_of(const BlockQ2_K& block, int part) {
  const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
  const uint8_t* scales = block.scales + 2 * part;
  return {{d * static_cast<float>(scales[0] & 15), d * static_cast<float>(scales[1] & 15)},
          {dmin * static_cast<float>(scales[0] >> 4), dmin * static_cast<float>(scales[1] >> 4)}};
}
static inline PartScales<2> scales_of(const BlockQ3_K& block, int part) {
  const float d = half_to_float(block.d);
  const int first = scale_of_sixteen(block.scales, 2 * part) - 32;
  const int second = scale_of_sixteen(block.scales, 2 * part + 1) - 32;
  return {{d * static_cast<float>(first), d * static_cast<float>(second)}, {0, 0}};
}
static inline PartScales<2> scales_of(const BlockQ6_K& block, int part) {
  const float d = half_to_float(block.d);
  const int8_t* scales = block.scales + 2 * part;
  return {{d * static_cast<float>(scales[0]), d * static_cast<float>(scales[1])}, {0, 0}};
}

// ---- floats ----------------------------------------------------------------------------------------

// Part `part` of a block as 32 floats.
template <class Block>
static inline void expand_part(const Block& block, int part, float* out) {
  int8_t q[kPart];
  numbers_of(block, part, q);
  const auto scales = scales_of(block, part);
  constexpr int kRun = kPart / decltype(scales)::count;
  for (int run = 0; run < decltype(scales)::count; ++run) {
    const float scale = scales.scale[run], minimum = scales.minimum[run];
    for (int i = run * kRun; i < (run + 1) * kRun; ++i) {
      out[i] = scale * static_cast<float>(q[i]) - minimum;
    }
  }
}

// out[i] = element `first` + i of a row of blocks, for i < count.
template <class Block>
static inline void expand_run(const uint8_t* row, int64_t first, int64_t count, float* out) {
  constexpr int64_t elements = elements_of<Block>;
  const int64_t end = first + count;
  for (int64_t at = first / kPart * kPart; at < end; at += kPart) {
    Block block;
    memcpy(&block, row + at / elements * static_cast<int64_t>(sizeof(Block)), sizeof(Block));
    const int part = static_cast<int>(at % elements / kPart);
    if (at >= first && at + kPart <= end) {
      expand_part(block, part, out + (at - first));
      continue;
    }
    float whole[kPart];
    expand_part(block, part, whole);
    const int64_t begin = at < first ? first - at : 0;
    const int64_t stop = end - at < kPart ? end - at : kPart;
    for (int64_t i = begin; i < stop; ++i) out[at + i - first] = whole[i];
  }
}

}  // namespace llft::cpu::LLFT_ISA

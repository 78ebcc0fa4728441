// Activations as whole numbers.
//
// 64 values share a power of two as their unit, in which the largest lies in [2^13, 2^14]. A value
// is rounded by at most half a unit, which is 2^-14 of the largest magnitude of its 64; of bfloat16
// not at all down to a 64th of that. 64 with an infinity or NaN get NaN as their unit; 64 below
// 2^-113 count as zeros. Only kernel files include this.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "cpu/simd/vec.h"

namespace llft::cpu::LLFT_ISA {

using namespace simd;

inline constexpr int64_t kFixedBlock = 64;

// Whether products of pairs of int16 are worth it: with AVX2 two instructions do what two fused
// multiply-adds of twice as many vectors would; wider sets have bfloat16 pairs, or gain nothing.
#if defined(__AVX2__) && !defined(__AVX512F__)
inline constexpr bool kHasWordProducts = true;

// sum + both products of each pair of int16 of a and b.
static inline I32 add_word_products(I32 sum, U32 a, U32 b) {
  return sum + (I32)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}
#else
inline constexpr bool kHasWordProducts = false;

static inline I32 add_word_products(I32 sum, U32, U32) { return sum; }
#endif

// Largest magnitude of 64 values, as the exponent bits of a float32.
static inline uint32_t largest_exponent(const uint16_t* x) {
  uint16_t largest = 0;
  for (int i = 0; i < kFixedBlock; ++i) {
    const uint16_t magnitude = x[i] & 0x7fff;
    if (magnitude > largest) largest = magnitude;
  }
  return largest >> 7;
}
static inline uint32_t largest_exponent(const float* x) {
  uint32_t largest = 0;
  for (int i = 0; i < kFixedBlock; ++i) {
    uint32_t magnitude;
    memcpy(&magnitude, x + i, sizeof(magnitude));
    magnitude &= 0x7fffffff;
    if (magnitude > largest) largest = magnitude;
  }
  return largest >> 23;
}

static inline float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
static inline float float_of(float value) { return value; }
static inline float float_of(uint16_t bits) { return to_float(bf16{bits}); }

// 64 values of x, float32 or bits of bfloat16, to whole numbers; returns what one of them stands
// for.
template <class Stored>
static inline float to_fixed(const Stored* x, int16_t* out) {
  constexpr uint32_t kBias = 127, kInfinite = 255, kLargest = 13;
  const uint32_t exponent = largest_exponent(x);
  const bool is_infinite = exponent == kInfinite;
  if (is_infinite || exponent <= kLargest) {  // or below 2^-113
    memset(out, 0, kFixedBlock * sizeof(int16_t));
    return is_infinite ? NAN : 0;
  }
  const float factor = float_of_bits((2 * kBias + kLargest - exponent) << 23);
  for (int i = 0; i < kFixedBlock; ++i) {
    out[i] = static_cast<int16_t>(__builtin_rintf(float_of(x[i]) * factor));
  }
  return float_of_bits((exponent - kLargest) << 23);
}

// The same where the last block has `count` values or none: zeros stand behind them.
template <class Stored>
static inline float to_fixed(const Stored* x, int64_t count, int16_t* out) {
  if (count >= kFixedBlock) return to_fixed(x, out);
  Stored padded[kFixedBlock] = {};
  if (count > 0) memcpy(padded, x, static_cast<size_t>(count) * sizeof(Stored));
  return to_fixed(padded, out);
}

}  // namespace llft::cpu::LLFT_ISA

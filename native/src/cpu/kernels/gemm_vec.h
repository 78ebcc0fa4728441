// Vectors of the matrix kernels: 32-bit units that hold a float, or a pair of bfloat16 of two
// neighbouring k.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/dtype.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace llft::cpu::LLFT_ISA {

#if defined(__AVX512F__)
inline constexpr int kGemmLanes = 16;
#elif defined(__AVX2__)
inline constexpr int kGemmLanes = 8;
#else
inline constexpr int kGemmLanes = 4;
#endif

#if defined(__AVX512BF16__)
inline constexpr bool kGemmHasPairs = true;  // an instruction multiplies bfloat16 pairs
#else
inline constexpr bool kGemmHasPairs = false;  // bfloat16 is widened to float32 while packing
#endif

typedef float GemmF32 __attribute__((vector_size(4 * kGemmLanes)));
typedef uint32_t GemmU32 __attribute__((vector_size(4 * kGemmLanes)));
typedef int32_t GemmI32 __attribute__((vector_size(4 * kGemmLanes)));
typedef uint16_t GemmU16 __attribute__((vector_size(2 * kGemmLanes)));
typedef uint8_t GemmU8 __attribute__((vector_size(kGemmLanes)));

// f(i) for i = 0 .. kCount - 1, i being a constant: what is indexed with it stays in registers,
// which an unrolled loop does not ensure where loops are nested.
template <int kCount, class F>
[[gnu::always_inline]] static inline void gemm_unrolled(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>()), ...);
  }(std::make_integer_sequence<int, kCount>());
}

template <class V>
static inline V gemm_load(const void* p) {
  V v;
  memcpy(&v, p, sizeof(V));
  return v;
}

template <class V>
static inline void gemm_store(void* p, V v) {
  memcpy(p, &v, sizeof(V));
}

// The first `bytes` bytes, zeros behind them; reads no further.
template <class V>
static inline V gemm_load_part(const void* p, int64_t bytes) {
  V v = {};
  if (bytes > 0) memcpy(&v, p, static_cast<size_t>(bytes));
  return v;
}

// All lanes the same. (To add 0 would be an operation: it turns -0 into 0.)
static inline GemmF32 gemm_broadcast(float value) { return value - GemmF32{}; }

static inline GemmU32 gemm_widen(GemmU16 v) {
#if defined(__AVX2__) && !defined(__AVX512F__)  // for which GCC would widen halves
  return (GemmU32)_mm256_cvtepu16_epi32((__m128i)v) << 16;
#else
  return __builtin_convertvector(v, GemmU32) << 16;
#endif
}

// The bits of v rounded to bfloat16, to nearest even; NaN stays NaN.
static inline GemmU32 gemm_bf16_bits(GemmF32 v) {
  const GemmU32 bits = (GemmU32)v;
  const GemmU32 rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const GemmU32 nan = (bits >> 16) | 0x40;
  const GemmU32 is_nan = (GemmU32)(v != v);
  return (is_nan & nan) | (~is_nan & rounded);
}

static inline GemmU16 gemm_round_bf16(GemmF32 v) {
  return __builtin_convertvector(gemm_bf16_bits(v), GemmU16);
}

static inline uint16_t gemm_round_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float gemm_widen(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &wide, sizeof(value));
  return value;
}

// v plus what stands kStep lanes behind, around the end.
template <int kStep, int... kLane>
static inline GemmF32 gemm_fold(GemmF32 v, std::integer_sequence<int, kLane...>) {
#if defined(__clang__)
  return v + __builtin_shufflevector(v, v, ((kLane + kStep) % kGemmLanes)...);
#else
  return v + __builtin_shuffle(v, GemmI32{((kLane + kStep) % kGemmLanes)...});
#endif
}

// In a fixed tree.
template <int kStep = kGemmLanes / 2>
static inline float gemm_sum_lanes(GemmF32 v) {
  const GemmF32 halves = gemm_fold<kStep>(v, std::make_integer_sequence<int, kGemmLanes>());
  if constexpr (kStep == 1) {
    return halves[0];
  } else {
    return gemm_sum_lanes<kStep / 2>(halves);
  }
}

// sum + products of the units of a and b: one fused multiply-add, or vdpbf16ps for pairs.
template <bool kPairs>
static inline GemmF32 gemm_multiply_add(GemmF32 sum, GemmU32 a, GemmU32 b) {
#if defined(__AVX512BF16__)
  if constexpr (kPairs) return (GemmF32)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#endif
  return sum + (GemmF32)a * (GemmF32)b;
}

// Whether products of pairs of int16 are worth it: with AVX2 two instructions do what two fused
// multiply-adds of twice as many vectors would; wider sets have bfloat16 pairs, or gain nothing.
#if defined(__AVX2__) && !defined(__AVX512F__)
inline constexpr bool kGemmHasFixed = true;

// sum + both products of each pair of int16 of a and b.
static inline GemmI32 gemm_add_products(GemmI32 sum, GemmU32 a, GemmU32 b) {
  return sum + (GemmI32)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}
#else
inline constexpr bool kGemmHasFixed = false;

static inline GemmI32 gemm_add_products(GemmI32 sum, GemmU32, GemmU32) { return sum; }
#endif

}  // namespace llft::cpu::LLFT_ISA

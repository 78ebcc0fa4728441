// Vectors of 32-bit lanes for the CPU kernels, on the vector extensions of GCC and Clang. Only
// kernel files include this: everything is static and inside the namespace of the instruction set
// they are compiled for.
//
//   F32, I32, U32   kLanes lanes of float, int32_t, uint32_t: 16 with AVX-512, 8 with AVX2, else 4.
//                   + - * / & | ^ ~ << >> and comparisons are the operators; a comparison gives an
//                   I32 of 0 and -1.
//   load, store     whole vectors of float, bf16 (widened exactly; rounded to nearest even), int32_t
//                   or uint32_t, at any address. With a second argument Tail{n}, 0 < n < kLanes,
//                   exactly n elements are touched and the other lanes are 0; with Full{} the whole
//                   vector, so that one body serves both:
//
//     for_vectors(n, [&](int64_t i, auto lanes) {
//       store(y + i, load(x + i, lanes) * factor, lanes);
//     });
//
// Reductions over lanes are fixed trees, so their bits depend on the lanes alone.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/dtype.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace llft::cpu::LLFT_ISA::simd {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
#elif defined(__AVX2__)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif

typedef float F32 __attribute__((vector_size(4 * kLanes)));
typedef int32_t I32 __attribute__((vector_size(4 * kLanes)));
typedef uint32_t U32 __attribute__((vector_size(4 * kLanes)));
typedef uint16_t U16 __attribute__((vector_size(2 * kLanes)));
typedef uint8_t U8 __attribute__((vector_size(kLanes)));

// f(i) for i = 0 .. kCount - 1, i being a constant: what is indexed with it stays in registers,
// which an unrolled loop does not ensure where loops are nested.
template <int kCount, class F>
[[gnu::always_inline]] static inline void unrolled(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>()), ...);
  }(std::make_integer_sequence<int, kCount>());
}

// ---- lanes --------------------------------------------------------------------------------------
// x - 0 keeps -0 and NaN, where x + 0 would not.
static inline F32 splat(float x) { return x - F32{}; }
static inline U32 splat_u32(uint32_t x) { return x + U32{}; }
static inline I32 splat_i32(int32_t x) { return x + I32{}; }

template <class To, class From>
static inline To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
}

static inline F32 to_f32(I32 x) { return __builtin_convertvector(x, F32); }
// Truncates; |x| < 2^31.
static inline I32 to_i32(F32 x) { return __builtin_convertvector(x, I32); }

static inline F32 select(I32 mask, F32 a, F32 b) { return mask ? a : b; }
static inline U32 select(I32 mask, U32 a, U32 b) { return mask ? a : b; }
static inline I32 select(I32 mask, I32 a, I32 b) { return mask ? a : b; }
// Where a lane of either is NaN, these give b's.
static inline F32 min(F32 a, F32 b) { return a < b ? a : b; }
static inline F32 max(F32 a, F32 b) { return a > b ? a : b; }
static inline F32 abs(F32 x) { return bit_cast<F32>(bit_cast<U32>(x) & 0x7fffffffu); }
// a * b + c, rounded once where the machine can (-ffp-contract=fast).
static inline F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }

#if defined(__AVX512BF16__)
inline constexpr bool kHasPairs = true;  // an instruction multiplies pairs of bfloat16
#else
inline constexpr bool kHasPairs = false;
#endif

// sum + the products of the 32-bit units of a and b: one fused multiply-add of floats, or vdpbf16ps
// of pairs of bfloat16 of two neighbouring k.
template <bool kPairs>
static inline F32 multiply_add(F32 sum, U32 a, U32 b) {
#if defined(__AVX512BF16__)
  if constexpr (kPairs) return (F32)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#endif
  return sum + (F32)a * (F32)b;
}

// A product that is rounded before it is added to anything: for results that others compute so.
static inline float unfused(float product) {
#if defined(__SSE2__)
  __asm__("" : "+x"(product));
#elif defined(__aarch64__)
  __asm__("" : "+w"(product));
#else
  volatile float rounded = product;
  product = rounded;
#endif
  return product;
}

static inline F32 sqrt(F32 x) {
#if defined(__AVX512F__)
  return (F32)_mm512_maskz_sqrt_ps(static_cast<__mmask16>(-1), (__m512)x);
#elif defined(__AVX2__)
  return (F32)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
  return (F32)_mm_sqrt_ps((__m128)x);
#elif defined(__ARM_NEON) && defined(__aarch64__)
  return (F32)vsqrtq_f32((float32x4_t)x);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

// The upper halves of the 64-bit products a * b; `a * splat_u32(b)` gives the lower ones.
static inline U32 multiply_high(U32 a, uint32_t b) {
  typedef uint64_t U64 __attribute__((vector_size(4 * kLanes)));
#if defined(__AVX512F__)
  const __m512i factor = _mm512_set1_epi32(static_cast<int>(b));
  const U64 even = bit_cast<U64>(
      _mm512_maskz_mul_epu32(static_cast<__mmask8>(-1), bit_cast<__m512i>(a), factor));
  const U64 odd = bit_cast<U64>(_mm512_maskz_mul_epu32(
      static_cast<__mmask8>(-1), bit_cast<__m512i>(bit_cast<U64>(a) >> 32), factor));
#elif defined(__AVX2__)
  const __m256i factor = _mm256_set1_epi32(static_cast<int>(b));
  const U64 even = bit_cast<U64>(_mm256_mul_epu32(bit_cast<__m256i>(a), factor));
  const U64 odd =
      bit_cast<U64>(_mm256_mul_epu32(bit_cast<__m256i>(bit_cast<U64>(a) >> 32), factor));
#elif defined(__SSE2__)
  const __m128i factor = _mm_set1_epi32(static_cast<int>(b));
  const U64 even = bit_cast<U64>(_mm_mul_epu32(bit_cast<__m128i>(a), factor));
  const U64 odd = bit_cast<U64>(_mm_mul_epu32(bit_cast<__m128i>(bit_cast<U64>(a) >> 32), factor));
#else
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  const U64 even = (bit_cast<U64>(a) & 0xffffffffu) * uint64_t{b};
  const U64 odd = (bit_cast<U64>(a) >> 32) * uint64_t{b};
#endif
  return bit_cast<U32>((even >> 32) | (odd & ~uint64_t{0xffffffffu}));
}

// ---- memory -------------------------------------------------------------------------------------
struct Full {
  static constexpr int count = kLanes;
};
struct Tail {
  int count;
};

static inline float to_float(float x) { return x; }
static inline float to_float(bf16 x) {
  return bit_cast<float>(static_cast<uint32_t>(x.bits) << 16);
}

static inline U32 widen_u16(U16 x) {
#if defined(__AVX512F__)
  return bit_cast<U32>(
      _mm512_maskz_cvtepu16_epi32(static_cast<__mmask16>(-1), bit_cast<__m256i>(x)));
#elif defined(__AVX2__)  // for which GCC would widen halves and put them together
  return bit_cast<U32>(_mm256_cvtepu16_epi32(bit_cast<__m128i>(x)));
#else
  return __builtin_convertvector(x, U32);
#endif
}

static inline U16 narrow_u32(U32 x) {  // the lower halves
#if defined(__AVX512F__)
  return bit_cast<U16>(
      _mm512_maskz_cvtepi32_epi16(static_cast<__mmask16>(-1), bit_cast<__m512i>(x)));
#else
  return __builtin_convertvector(x, U16);
#endif
}

// bfloat16 as the float32 of the same value, and its bits.
static inline U32 widen_bits(U16 bits) { return widen_u16(bits) << 16; }
static inline F32 widen(U16 bits) { return bit_cast<F32>(widen_bits(bits)); }

// To bfloat16, to nearest even; a NaN stays one. vcvtneps2bf16 is not used: it turns subnormals
// into zeros.
static inline U32 bf16_bits(F32 x) {
  const U32 bits = bit_cast<U32>(x);
  const U32 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const U32 nan = (bits >> 16) | 0x40u;
  return select(x == x, rounded, nan);
}
static inline U16 round_to_bf16(F32 x) { return narrow_u32(bf16_bits(x)); }

static inline void store_scalar(float* p, float x) { *p = x; }
static inline void store_scalar(bf16* p, float x) {
  const uint32_t bits = bit_cast<uint32_t>(x);
  const uint32_t rounded = x == x ? bits + 0x7fffu + ((bits >> 16) & 1u) : bits | 0x400000u;
  p->bits = static_cast<uint16_t>(rounded >> 16);
}

template <class V>
static inline V load_bytes(const void* p) {
  V v;
  memcpy(&v, p, sizeof(V));
  return v;
}

template <class V>
static inline void store_bytes(void* p, V v) {
  memcpy(p, &v, sizeof(V));
}

// The first `bytes` bytes, zeros behind them; reads no further.
template <class V>
static inline V load_part(const void* p, int64_t bytes) {
  V v = {};
  if (bytes > 0) memcpy(&v, p, static_cast<size_t>(bytes));
  return v;
}

template <class V>
static inline V load_32(const void* p, Tail tail) {
#if defined(__AVX512F__)
  return bit_cast<V>(_mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << tail.count) - 1), p));
#else
  V v = {};
  memcpy(&v, p, 4 * static_cast<size_t>(tail.count));
  return v;
#endif
}

template <class V>
static inline void store_32(void* p, V v, Tail tail) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << tail.count) - 1), bit_cast<__m512i>(v));
#else
  memcpy(p, &v, 4 * static_cast<size_t>(tail.count));
#endif
}

static inline U16 load_16(const void* p, Tail tail) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  return bit_cast<U16>(_mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << tail.count) - 1), p));
#else
  U16 v = {};
  memcpy(&v, p, 2 * static_cast<size_t>(tail.count));
  return v;
#endif
}

static inline void store_16(void* p, U16 v, Tail tail) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  _mm256_mask_storeu_epi16(p, static_cast<__mmask16>((1u << tail.count) - 1), bit_cast<__m256i>(v));
#else
  memcpy(p, &v, 2 * static_cast<size_t>(tail.count));
#endif
}

static inline F32 load(const float* p, Full = {}) { return load_bytes<F32>(p); }
static inline F32 load(const bf16* p, Full = {}) { return widen(load_bytes<U16>(p)); }
static inline I32 load(const int32_t* p, Full = {}) { return load_bytes<I32>(p); }
static inline U32 load(const uint32_t* p, Full = {}) { return load_bytes<U32>(p); }
static inline F32 load(const float* p, Tail tail) { return load_32<F32>(p, tail); }
static inline F32 load(const bf16* p, Tail tail) { return widen(load_16(p, tail)); }
static inline I32 load(const int32_t* p, Tail tail) { return load_32<I32>(p, tail); }
static inline U32 load(const uint32_t* p, Tail tail) { return load_32<U32>(p, tail); }

static inline void store(float* p, F32 v, Full = {}) { memcpy(p, &v, sizeof(v)); }
static inline void store(int32_t* p, I32 v, Full = {}) { memcpy(p, &v, sizeof(v)); }
static inline void store(uint32_t* p, U32 v, Full = {}) { memcpy(p, &v, sizeof(v)); }
static inline void store(bf16* p, F32 v, Full = {}) {
  const U16 bits = round_to_bf16(v);
  memcpy(p, &bits, sizeof(bits));
}
static inline void store(float* p, F32 v, Tail tail) { store_32(p, v, tail); }
static inline void store(int32_t* p, I32 v, Tail tail) { store_32(p, v, tail); }
static inline void store(uint32_t* p, U32 v, Tail tail) { store_32(p, v, tail); }
static inline void store(bf16* p, F32 v, Tail tail) { store_16(p, round_to_bf16(v), tail); }

// The same with a count: 0 <= n <= kLanes.
template <class T>
static inline auto load_n(const T* p, int64_t n) {
  if (n == kLanes) return load(p);
  return n > 0 ? load(p, Tail{static_cast<int>(n)}) : decltype(load(p)){};
}
template <class T, class V>
static inline void store_n(T* p, V v, int64_t n) {
  if (n == kLanes) {
    store(p, v);
  } else if (n > 0) {
    store(p, v, Tail{static_cast<int>(n)});
  }
}

// body(i, Full{}) for each whole vector of [0, n), then body(i, Tail{rest}) for what is left.
template <class Body>
static inline __attribute__((always_inline)) void for_vectors(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, Full{});
  if (i < n) body(i, Tail{static_cast<int>(n - i)});
}

// -1 in the first `count` lanes: to give the lanes behind a tail another value than 0.
static inline I32 lanes_below(int count) {
  I32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return lane < count;
}

// ---- reductions over lanes ----------------------------------------------------------------------
// Lane i of the result is lane i + kStep of v, around the end.
template <int kStep, int... kLane>
static inline F32 rotate_lanes(F32 v, std::integer_sequence<int, kLane...>) {
#if defined(__clang__)
  return __builtin_shufflevector(v, v, ((kLane + kStep) % kLanes)...);
#else
  return __builtin_shuffle(v, I32{((kLane + kStep) % kLanes)...});
#endif
}

// Lanes i and i + kLanes / 2 first, then quarters, and so on.
template <int kStep, class Combine>
static inline float reduce_halves(F32 v, const Combine& combine) {
  const F32 halves = combine(v, rotate_lanes<kStep>(v, std::make_integer_sequence<int, kLanes>()));
  if constexpr (kStep == 1) {
    return halves[0];
  } else {
    return reduce_halves<kStep / 2>(halves, combine);
  }
}

static inline float reduce_add(F32 v) {
  return reduce_halves<kLanes / 2>(v, [](F32 a, F32 b) { return a + b; });
}
// Not for lanes that may be NaN: one of them may or may not win.
static inline float reduce_max(F32 v) {
  return reduce_halves<kLanes / 2>(v, [](F32 a, F32 b) { return a > b ? a : b; });
}

// ---- functions ----------------------------------------------------------------------------------
// e^x to 2 units in the last place, subnormal results included; 0 at -inf, inf at inf, NaN at NaN.
// x = n ln 2 + r with |r| <= ln 2 / 2; e^r is its Taylor polynomial of degree 7, whose error r^8 /
// 8! is below a tenth of a unit; ln 2 is split so that n times its upper part is exact; 2^n is
// multiplied in two halves, which neither overflow nor leave the normal numbers before the result
// does.
static inline F32 exp(F32 x) {
  const F32 clamped =
      max(splat(-104.0f), min(splat(89.0f), x));  // NaN stays: it is the second argument
  const F32 shifter = splat(12582912.0f);         // 1.5 * 2^23: adding it rounds to an integer
  const F32 shifted = fma(clamped, splat(1.44269504f), shifter);
  const F32 n = shifted - shifter;
  const I32 exponent = bit_cast<I32>(shifted) - bit_cast<I32>(shifter);
  const F32 r = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), clamped));
  F32 p = splat(1.0f / 5040);
  p = fma(p, r, splat(1.0f / 720));
  p = fma(p, r, splat(1.0f / 120));
  p = fma(p, r, splat(1.0f / 24));
  p = fma(p, r, splat(1.0f / 6));
  p = fma(p, r, splat(0.5f));
  p = fma(p, r * r, r) + 1.0f;
  const I32 half = exponent >> 1;
  const F32 scale_a = bit_cast<F32>((half + 127) << 23);
  const F32 scale_b = bit_cast<F32>((exponent - half + 127) << 23);
  return p * scale_a * scale_b;
}

// 1 / (1 + e^-x), relative error at most 3 units in the last place where the result is normal.
static inline F32 sigmoid(F32 x) { return 1.0f / (1.0f + exp(-x)); }

}  // namespace llft::cpu::LLFT_ISA::simd

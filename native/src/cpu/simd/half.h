// float16, a storage format only: loads that widen it to float32, exactly.
#pragma once

#include "cpu/simd/vec.h"

namespace llft::cpu::LLFT_ISA::simd {

struct Half {
  uint16_t bits;
};

// Exponent and fraction are moved to float32's places and scaled by 2^112, the difference of the
// biases, which also makes numbers of subnormal ones; infinity and NaN need their exponent set.
static inline F32 widen_half(U16 half) {
  const U32 h = __builtin_convertvector(half, U32);
  const U32 magnitude = (h & 0x7fffu) << 13;
  const U32 scaled = bit_cast<U32>(bit_cast<F32>(magnitude) * 0x1p112f);
  const U32 special = magnitude | 0x7f800000u;
  const I32 is_special = (h & 0x7c00u) == 0x7c00u;
  return bit_cast<F32>(select(is_special, special, scaled) | ((h & 0x8000u) << 16));
}

template <class T, class Lanes>
static inline F32 load_any(const T* p, Lanes lanes) {
  return load(p, lanes);
}
static inline F32 load_any(const Half* p, Full) { return widen_half(load_bytes<U16>(p)); }
static inline F32 load_any(const Half* p, Tail tail) { return widen_half(load_16(p, tail)); }

}  // namespace llft::cpu::LLFT_ISA::simd

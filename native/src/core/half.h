// float16 in its 16 bits: sign, 5 bits of exponent, 10 of fraction. To float32 exactly, from float32
// to the nearest, even at ties; what is too large becomes infinity.
#pragma once

#include <bit>
#include <cstdint>

namespace llft {

inline float half_to_float(uint16_t half) {
  const uint32_t magnitude = (half & 0x7fffu) << 13, sign = (half & 0x8000u) << 16;
  const bool is_special = (half & 0x7c00u) == 0x7c00u;
  // 2^112, the difference of the biases, also makes numbers of subnormal ones.
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  const uint32_t bits = is_special ? magnitude | 0x7f800000u : std::bit_cast<uint32_t>(scaled);
  return std::bit_cast<float>(bits | sign);
}

inline uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), magnitude = bits & 0x7fffffffu;
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // from 65520 on
  if (magnitude < 0x38800000u) {
    // Below 2^-14 a unit is 2^-24: adding 0.5, whose unit in float32 that is, rounds.
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(rounded) - 0x3f000000u));
  }
  const uint32_t odd = magnitude >> 13 & 1u;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

}  // namespace llft

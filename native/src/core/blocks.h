// The block formats of GGUF: neighbours in a row are stored together with their scales. A row is
// whole blocks; numbers of two bytes are little endian, and lie where their block begins or ends,
// without padding.
//
//   Q4_0    w = d (q - 8)                Q4_1  w = d q + m          32 elements, q of 4 bits
//   Q5_0    w = d (q - 16)               Q5_1  w = d q + m          32 elements, q of 5 bits
//   Q8_0    w = d q                                                 32 elements, q of 8 bits
//   Q2_K    w = d s q - dmin m           16 runs of 16, q of 2 bits, s and m of 4
//   Q3_K    w = d (s - 32) (q - 4)       16 runs of 16, q of 3 bits, s of 6
//   Q4_K    w = d s q - dmin m           8 runs of 32, q of 4 bits, s and m of 6
//   Q5_K    the same, q of 5 bits
//   Q6_K    w = d s (q - 32)             16 runs of 16, q of 6 bits, s of 8
//   IQ4_NL  w = d T[q]                   32 elements, T of 16 whole numbers
//   IQ4_XS  w = d (s - 32) T[q]          8 runs of 32, s of 6 bits
//   MXFP4   w = 2^(e - 128) E[q]         32 elements, E twice the values of FP4 (E2M1)
//
// d, dmin and m of the first two lines are float16. Source: ggml's `ggml-common.h`; MXFP4: OCP
// Microscaling Formats 1.0.
#pragma once

#include <bit>
#include <cstdint>

#include "core/quantized.h"

namespace llft {

struct BlockQ4_0 {
  uint16_t d;
  uint8_t codes[16];  // element i in the low half of byte i, i + 16 in its high half
};
struct BlockQ4_1 {
  uint16_t d, m;
  uint8_t codes[16];
};
struct BlockQ5_0 {
  uint16_t d;
  uint8_t high[4];  // bit i: the fifth of element i
  uint8_t codes[16];
};
struct BlockQ5_1 {
  uint16_t d, m;
  uint8_t high[4];
  uint8_t codes[16];
};
struct BlockQ8_0 {
  uint16_t d;
  int8_t codes[32];
};
struct BlockQ2_K {
  uint8_t scales[16];  // s in the low half, m in the high half
  uint8_t codes[64];   // of 128 elements in 32 bytes: element i at bits 2 (i / 32) of byte i % 32
  uint16_t d, dmin;
};
struct BlockQ3_K {
  uint8_t high[32];    // bit i / 32 of byte i % 32: the third of element i
  uint8_t codes[64];   // as in Q2_K
  uint8_t scales[12];  // low halves of i and i + 8 in byte i; the rest: 4 in one
  uint16_t d;
};
struct BlockQ4_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t codes[128];  // of 64 elements in 32 bytes: the first 32 in the low halves
};
struct BlockQ5_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t high[32];  // bit i / 32 of byte i % 32: the fifth of element i
  uint8_t codes[128];
};
struct BlockQ6_K {
  uint8_t low[128];  // of 128 elements in 64 bytes: i and i + 64 in the halves of byte i % 64
  uint8_t high[64];  // of 128 elements in 32 bytes: as the codes of Q2_K
  int8_t scales[16];
  uint16_t d;
};
struct BlockIQ4_NL {
  uint16_t d;
  uint8_t codes[16];
};
struct BlockIQ4_XS {
  uint16_t d;
  uint16_t scales_high;   // two bits for each run
  uint8_t scales_low[4];  // four bits for each run
  uint8_t codes[128];     // of 32 elements in 16 bytes, as in Q4_0
};
struct BlockMXFP4 {
  uint8_t exponent;
  uint8_t codes[16];
};

inline constexpr int64_t kLargeBlock = 256;
inline constexpr int64_t kSmallBlock = 32;

// The values of IQ4_NL and IQ4_XS, in ascending order.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};
// Twice the values of FP4, so that they are whole; the scale of a block has half of it.
inline constexpr int8_t kMxfp4Values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                            0, -1, -2, -3, -4, -6, -8, -12};

// 2^(exponent - 128).
inline float mxfp4_scale(uint8_t exponent) {
  if (exponent < 2) return std::bit_cast<float>(0x00200000u << exponent);
  return std::bit_cast<float>(static_cast<uint32_t>(exponent - 1) << 23);
}

constexpr bool is_blocks(QuantFormat format) { return format >= QuantFormat::Q4_0; }

// body(Block{}) with the struct of the format; nothing for one that has none.
template <class Body>
constexpr void with_block(QuantFormat format, const Body& body) {
  switch (format) {
    case QuantFormat::Q4_0:
      return body(BlockQ4_0{});
    case QuantFormat::Q4_1:
      return body(BlockQ4_1{});
    case QuantFormat::Q5_0:
      return body(BlockQ5_0{});
    case QuantFormat::Q5_1:
      return body(BlockQ5_1{});
    case QuantFormat::Q8_0:
      return body(BlockQ8_0{});
    case QuantFormat::Q2_K:
      return body(BlockQ2_K{});
    case QuantFormat::Q3_K:
      return body(BlockQ3_K{});
    case QuantFormat::Q4_K:
      return body(BlockQ4_K{});
    case QuantFormat::Q5_K:
      return body(BlockQ5_K{});
    case QuantFormat::Q6_K:
      return body(BlockQ6_K{});
    case QuantFormat::IQ4_NL:
      return body(BlockIQ4_NL{});
    case QuantFormat::IQ4_XS:
      return body(BlockIQ4_XS{});
    case QuantFormat::MXFP4:
      return body(BlockMXFP4{});
    default:
      return;
  }
}

// Elements of a block: by its struct, and by its format. No struct of 32 elements has 64 bytes.
template <class Block>
inline constexpr int64_t elements_of = sizeof(Block) < 64 ? kSmallBlock : kLargeBlock;
constexpr int64_t block_elements(QuantFormat format) {
  int64_t elements = 1;
  with_block(format, [&](auto block) { elements = elements_of<decltype(block)>; });
  return elements;
}

// Bytes of a block.
constexpr int64_t block_bytes(QuantFormat format) {
  int64_t bytes = 0;
  with_block(format, [&](auto block) { bytes = static_cast<int64_t>(sizeof(block)); });
  return bytes;
}

// Bytes of a row, which is whole blocks.
constexpr int64_t row_bytes(QuantFormat format, int64_t columns) {
  return columns / block_elements(format) * block_bytes(format);
}

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22);
static_assert(sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34 && sizeof(BlockQ2_K) == 84);
static_assert(sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144 && sizeof(BlockQ5_K) == 176);
static_assert(sizeof(BlockQ6_K) == 210 && sizeof(BlockIQ4_NL) == 18 && sizeof(BlockIQ4_XS) == 136);
static_assert(sizeof(BlockMXFP4) == 17);

}  // namespace llft

// Matrices stored as codes: the formats of bitsandbytes, and the blocks of GGUF (core/blocks.h).
//
//   NF4, FP4  W[i] = codebook[code i] * absmax[i / block], i counting row-major over the whole
//             matrix, so that a block may lie across rows. Source: Dettmers et al., "QLoRA",
//             arXiv:2305.14314.
//   INT8      W[r][c] = code[r][c] * absmax[r], absmax being the largest magnitude of the row
//             divided by 127. Source: Dettmers et al., "LLM.int8()", arXiv:2208.07339.
//
// The absmax of a 4-bit matrix may itself be quantised (double quantisation): then
// absmax[b] = dynamic_map(signed).values[absmax code b] * nested_absmax[b / 256] + offset.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace llft {

enum class QuantFormat : uint8_t {
  NF4,
  FP4,
  INT8,
  // Blocks of GGUF, see core/blocks.h.
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ4_NL,
  IQ4_XS,
  MXFP4,
};

inline constexpr const char* kQuantFormatNames[] = {
    "nf4",  "fp4",  "int8", "Q4_0", "Q4_1", "Q5_0",   "Q5_1",   "Q8_0",
    "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"};
inline constexpr int kQuantFormats = 16;

constexpr const char* name_of(QuantFormat format) {
  return kQuantFormatNames[static_cast<int>(format)];
}

inline constexpr int64_t kNestedBlock = 256;

// [rows, columns]. `require_quantized` of core/ops/quantized_checks.h says what each part must be.
struct QuantizedMatrix {
  QuantFormat format = QuantFormat::NF4;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t block = 0;     // elements that share an absmax; unused by INT8
  Tensor codes;          // U8 [ceil(rows * columns / 2)], the first in the high half; I8 for INT8;
                         // U8 [rows, bytes of a row] for blocks of GGUF, which have no other parts
  Tensor absmax;         // F32, or U8 where doubly quantised; one per block, or per row
  Tensor nested_absmax;  // F32, one per 256 absmax; absent unless doubly quantised
  Tensor offset;         // F32 [1]; absent unless doubly quantised
};

// The 16 values of a 4-bit format by code.
inline constexpr float kNf4Values[16] = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};
// Sign in bit 3; the eight magnitudes are 0, 1/16, 8, 12, 4, 6, 2 and 3 twelfths.
inline constexpr float kFp4Values[16] = {
    0.0f, 0.0625f / 12,  8.0f / 12,  1.0f,  4.0f / 12,  0.5f,  2.0f / 12,  0.25f,
    0.0f, -0.0625f / 12, -8.0f / 12, -1.0f, -4.0f / 12, -0.5f, -2.0f / 12, -0.25f,
};
constexpr const float* codebook_of(QuantFormat format) {
  return format == QuantFormat::FP4 ? kFp4Values : kNf4Values;
}

}  // namespace llft

// Rows of floats to blocks of GGUF (core/blocks.h), by the search of ggml's reference
// quantisers: the same blocks, bit for bit.
//
// Without importance the formats of 32 elements take the largest magnitude (or the range) of a
// block for its scale; those of 256, and any with importance, try some twenty to forty scales
// for each run and keep that with the least weighted square of errors, then quantise the scales
// of the runs, and the elements once more with what the scales became. The weight of x[c] is
// importance[c] sqrt(sigma^2 + x[c]^2), sigma^2 being the mean square of the row or block (twice
// that for some); without importance x[c]^2, or the root mean square of the run plus |x[c]|.
//
// The search is in float32 and in a fixed order, without fused multiply-adds: a row alone
// decides on its blocks. Elements of no importance may become zeros.
//
// Overwrites. Bytes: x and the blocks once. Errors: an element that is NaN or infinite, an importance
// that is so or below 0, a row whose scale float16 cannot hold. Source: ggml's `ggml-quants.c`.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/quantized.h"

namespace llft {

struct QuantizeBlocksArgs {
  QuantFormat format = QuantFormat::Q4_0;
  DType dtype = DType::F32;           // of x: F32, BF16 or F16
  const void* x = nullptr;            // [rows, columns]
  const float* importance = nullptr;  // [columns], none below 0, or null
  int64_t rows = 0;
  int64_t columns = 0;
  uint8_t* blocks = nullptr;  // [rows, row_bytes(format, columns)]
};

}  // namespace llft

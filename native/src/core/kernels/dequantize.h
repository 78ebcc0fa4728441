// out[r][c] = W[start + r][c] for the rows [start, start + count) of a quantised matrix, or
// W[ids[r]][c], by the formulas of core/quantized.h and core/blocks.h in float32, and for a
// bfloat16 output one more rounding. Overwrites. Bytes: the codes and the output once. FLOPs:
// one product per element at most.
#pragma once

#include "core/dtype.h"
#include "core/kernels/quantized.h"

namespace llft {

struct DequantizeRowsArgs {
  QuantizedData w;
  int64_t start = 0;
  const int32_t* ids = nullptr;  // [count], in place of start
  int64_t rows = 0;              // of W: ids are below it
  int64_t count = 0;
  DType dtype = DType::F32;  // of out: F32 or BF16
  void* out = nullptr;       // [count, columns]
};

}  // namespace llft

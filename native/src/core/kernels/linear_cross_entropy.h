// Cross entropy of the language-model head, without the logits of all rows existing at once:
//
//   z = x w^T (float32)      loss, dz as in cross_entropy.h, dz rounded to x's type
//   dx = dz w, 0 in rows that do not count            dw = dz^T x in float32
//
// The rows that count are gathered, then go through in chunks of `chunk_rows` (fixed by the sizes
// alone), ascending; so rows labelled -100 cost nothing. Overwrites its outputs. Accumulation:
// float32 as in gemm.h; dw adds chunk after chunk; row losses as in cross_entropy.h. With n counted
// rows: FLOPs 2 n V D, plus as many for each of dx and dw. Bytes: w once per chunk and product;
// logits stay within the workspace. Error: that of the three products by gemm.h, with dz off by at
// most 2^-8 |dz| where x is bfloat16.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

struct LinearCrossEntropyArgs {
  const char* op = "linearCrossEntropy";  // for errors
  DType dtype = DType::F32;               // of x, w, dx: F32 or BF16
  const void* x = nullptr;                // [T, D]
  const void* w = nullptr;                // [V, D]
  const int32_t* labels = nullptr;        // [T]: -100 or in [0, V); others are an error
  float* loss = nullptr;                  // [1]
  void* dx = nullptr;                     // [T, D] or null
  float* dw = nullptr;                    // [V, D] or null
  int64_t tokens = 0;
  int64_t width = 0;       // D
  int64_t vocabulary = 0;  // V
  int64_t chunk_rows = 0;
  double smoothing = 0;  // as in cross_entropy.h
  // Workspace.
  float* logits = nullptr;    // [chunk_rows, V]; dz takes their place
  void* rows = nullptr;       // x's dtype, [chunk_rows, D]: the counted rows of x
  void* row_grads = nullptr;  // x's dtype, [chunk_rows, D]: their dx; null where dx is
};

}  // namespace llft

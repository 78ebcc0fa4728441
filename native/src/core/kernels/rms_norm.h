// Root mean square normalisation of rows, with the residual addition in front of it, and its
// gradients.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

struct RmsNormArgs {
  const void* x;         // dtype [rows, columns]
  const void* residual;  // residual_dtype [rows, columns], or null
  const void* weight;    // weight_dtype [columns]
  void* y;               // dtype [rows, columns], overwritten
  float* sum;            // [rows, columns], overwritten; null exactly where residual is
  float* rstd;           // [rows], overwritten
  int64_t rows;
  int64_t columns;
  DType dtype;           // float32 or bfloat16
  DType residual_dtype;  // float32 or bfloat16
  DType weight_dtype;    // float32 or bfloat16
  float eps;
};

struct RmsNormBackwardArgs {
  const void* dy;  // dtype [rows, columns]
  const void*
      x;  // x_dtype [rows, columns]: what was normalised, the sum where there was a residual
  const void* weight;  // weight_dtype [columns]
  const float* rstd;   // [rows]
  const float* dsum;   // [rows, columns], or null: added to dx
  void* dx;            // dx_dtype [rows, columns], overwritten
  float* dweight;      // [columns], overwritten; or null
  float* partials;     // [column_sum_blocks(rows), columns], scratch; null where dweight is
  int64_t rows;
  int64_t columns;
  DType dtype;         // float32 or bfloat16
  DType x_dtype;       // float32 or bfloat16
  DType dx_dtype;      // float32 or bfloat16
  DType weight_dtype;  // float32 or bfloat16
};

}  // namespace llft

// y = x * v over columns, and the sums over rows that are its gradients.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

// Rows that are summed in one go; see cpu/simd/column_sums.h.
inline constexpr int64_t kColumnSumRows = 32;

constexpr int64_t column_sum_blocks(int64_t rows) {
  return (rows + kColumnSumRows - 1) / kColumnSumRows;
}

struct MulColumnsArgs {
  const void* x;  // dtype [rows, columns]
  const void* v;  // v_dtype [columns]
  void* y;        // dtype [rows, columns], overwritten
  int64_t rows;
  int64_t columns;
  DType dtype;    // float32 or bfloat16
  DType v_dtype;  // float32 or bfloat16
};

struct ColumnSumsArgs {
  const void* a;    // dtype [rows, columns]
  const void* b;    // dtype [rows, columns], or null
  float* partials;  // [column_sum_blocks(rows), columns], scratch
  float* sums;      // [columns], overwritten
  int64_t rows;
  int64_t columns;
  DType dtype;  // float32 or bfloat16
};

}  // namespace llft

// Copies of rows and of column blocks. A row index outside of its range is an error that names it.
//
//   copy_columns      dst[r, dst_begin + c] = src[r, src_begin + c], one block of columns per part
//   gather_rows       dst[t] = src[rows[t]]
//   scatter_rows      dst[rows[t]] = src[t]; the last t wins; the other rows of dst stay
//   scatter_add_rows  dst[r] = sum of src[t] over the t with rows[t] = r, 0 where there is none
//
// The first three copy bytes of any type. The last sums in float32 in ascending t, rounds once and
// overwrites dst. src and dst must not overlap.
// Bytes: what is copied, read and written once. FLOPs: one addition per element of src.
// Error of a sum of n terms: (n - 1) * 2^-24 * sum |src|, plus half a unit in the last place of
// bfloat16 where dst is that. Source: none; these are copies.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace llft {

struct CopyColumnsArgs {
  struct Part {
    const char* src;  // first byte of the block in row 0
    char* dst;
    int64_t src_stride;  // bytes from row to row
    int64_t dst_stride;
    int64_t width;  // bytes of the block in a row
  };
  int64_t rows = 0;
  std::vector<Part> parts;
};

struct MoveRowsArgs {
  const char* op = "";            // named by an error
  const char* src = nullptr;      // gather: [row_count, width] bytes; scatter: [index_count, width]
  char* dst = nullptr;            // gather: [index_count, width]; scatter: [row_count, width]
  const int32_t* rows = nullptr;  // [index_count], each in [0, row_count)
  int64_t index_count = 0;
  int64_t row_count = 0;
  int64_t width = 0;  // bytes
};

struct ScatterAddRowsArgs {
  DType dtype = DType::F32;       // of src and dst: float32 or bfloat16
  const void* src = nullptr;      // [index_count, columns]
  void* dst = nullptr;            // [row_count, columns]
  const int32_t* rows = nullptr;  // [index_count], each in [0, row_count)
  int64_t index_count = 0;
  int64_t row_count = 0;
  int64_t columns = 0;
};

}  // namespace llft

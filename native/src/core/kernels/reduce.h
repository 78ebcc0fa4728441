// Sums over all elements, of the values or of their squares, and Euclidean norms of rows.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace llft {

// Elements that are summed in float32; the sums of the blocks are added in double.
inline constexpr int64_t kReduceBlock = 8192;

constexpr int64_t reduce_blocks(int64_t n) { return (n + kReduceBlock - 1) / kReduceBlock; }

struct ReduceSource {
  const void* x;  // dtype [n]
  int64_t n;
  DType dtype;          // float32 or bfloat16
  int64_t first_block;  // blocks of the sources before this one
};

struct ReduceArgs {
  std::vector<ReduceSource> sources;  // none of them empty
  int64_t blocks;                     // of all sources
  double* partials;                   // [blocks], scratch
  float* sum;                         // [1], overwritten
  bool squares;                       // of the squares instead of the values
};

struct RowNormsArgs {
  const float* x;  // [rows, columns]
  float* norms;    // [rows], overwritten
  int64_t rows;
  int64_t columns;
};

}  // namespace llft

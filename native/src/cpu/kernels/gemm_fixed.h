// Many rows of A times codes, both as whole numbers: what reading a prompt does on a machine with
// AVX2 and no more.
//
//   C[i][j] += alpha * sum over blocks b of 64 of k of
//              unit[i][b] * scale[j][b] * sum over k in b of X[i][k] * Q[j][k]
//
// X: int16, see fixed_point.h. Q: int8 codes as they are, or the codebook of a 4-bit format times
// 2047, rounded. The inner sum is exact: 64 * 2^14 * 2047 < 2^31. Blocks are summed in float32, in
// ascending order, so that an element's bits depend on its row of A and its row of W alone. FLOPs:
// 2 M N K whole-number operations, about twice as many at a time as float32 has. W is read once for
// each block of rows.
// Error, beside that of float32 sums of K / 64 terms: a value of X is rounded by 2^-14 of the
// largest of its 64, a 4-bit code by 2^-12 of the absmax of its block. Not for training: the
// gradient belongs to the product with the dequantised W.
#pragma once

#include <cstdint>

#include "cpu/kernels/fixed_point.h"
#include "cpu/kernels/gemm.h"
#include "cpu/kernels/gemm_pack.h"
#include "cpu/kernels/scratch.h"

namespace llft::cpu::LLFT_ISA {

// Whether a term of many rows is multiplied here.
bool gemm_is_fixed(const GemmTerm& term);

// Whole numbers of the rows of A of a term, in the layout of packed panels of A.
class FixedRows {
 public:
  // The memory serves until the next call with the same scratch.
  FixedRows(const GemmArgs& args, const GemmTerm& term, Scratch& scratch, ThreadPool& pool);

  // Of one block of k, [rows][kGemmPanelStride].
  const uint32_t* panel(int64_t step, int64_t row) const;
  // units[b] of a row, b counting from the first block of the term.
  const float* units(int64_t row) const { return units_ + row * blocks_; }
  int64_t units_stride() const { return blocks_; }

 private:
  template <class Stored>
  void fill(const GemmTerm& term, int64_t row);

  int64_t m_;
  int64_t blocks_;
  int64_t step_count_;
  uint32_t* values_;
  float* units_;
};

// Packs a block of W as gemm_pack_b packs pairs, and its scales: panel after panel, [64 of
// k][column of the panel].
void gemm_pack_fixed_b(const GemmBlock& block, uint32_t* panels, float* scales);

}  // namespace llft::cpu::LLFT_ISA

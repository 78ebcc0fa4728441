// Packing: copies of blocks of op(A) and op(B) in the order in which the micro-kernel reads them,
// as 32-bit units along k (see GemmPacking). Zeros fill what the matrix does not have. FLOPs: none;
// each element is read and written once.
#pragma once

#include <cstdint>

#include "core/kernels/quantized.h"

namespace llft::cpu::LLFT_ISA {

enum class GemmPacking {
  kFloat,    // float32 as it is: one k per unit
  kWidened,  // bfloat16 made float32: one k per unit
  kPairs,    // bfloat16 of k and k + 1: two k per unit, the last of them 0 where k is odd
  kFixed,    // int16 of k and k + 1, in blocks of 64 k (gemm_fixed.h, which packs them)
};

// Elements along k in a unit.
constexpr int64_t gemm_unit_elements(GemmPacking packing) {
  return packing == GemmPacking::kPairs || packing == GemmPacking::kFixed ? 2 : 1;
}

// A block of op(A) or op(B). A line is a row of op(A) or a column of op(B).
struct GemmBlock {
  const void* data;     // the stored matrix, row-major
  int64_t ld;           // elements from one stored row to the next
  bool lines_are_rows;  // stored [line][k] (A, or B transposed), else [k][line]
  int64_t line;         // first line
  int64_t lines;
  int64_t k;  // first k
  int64_t depth;
  const QuantizedData* quantized = nullptr;  // of B: the stored matrix, in place of data and ld
  void* scratch = nullptr;                   // then: gemm_scratch_bytes() of it
};

// Lines of a quantised B that are expanded at a time, and the memory for them.
inline constexpr int64_t kGemmExpandLines = 64;
int64_t gemm_scratch_bytes();

// rows[line * stride + unit]
void gemm_pack_a(GemmPacking packing, const GemmBlock& block, int64_t stride, uint32_t* rows);

// Panels of kGemmColumns lines one after another, the last one cut to whole vectors:
// panel[unit * panel width + line], zeros where the vectors reach beyond the lines. The codes of a
// quantised B are expanded on the way, kGemmExpandLines lines at a time.
void gemm_pack_b(GemmPacking packing, const GemmBlock& block, uint32_t* panels);

}  // namespace llft::cpu::LLFT_ISA

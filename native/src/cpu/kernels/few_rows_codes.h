// sums[i][j] += alpha * sum over k of x[i][k] * W[j][k] for a few bfloat16 rows x and a W of codes,
// each read once: decoding.
//
// The rows become whole numbers first (fixed_point_rows.h); codes are whole numbers, too (the
// codebook of a 4-bit format times 16383, rounded). So 64 products are added up without rounding,
// and only then scaled: W is not rounded to bfloat16, as it is where it is expanded for many rows.
//
// x: bfloat16 [m][k], row stride lda. Codes: as in kernels/quantized.h; 4-bit ones in blocks of 64
// or more that begin with a row. sums: float32. Bytes read: those of the codes and their scales.
// FLOPs: 2 m k for each row of W.
// Error: that of the rows; a 4-bit code is rounded by 2^-15 of the absmax of its block; the sums of
// the 64s round in float32 with each step. A row of x with an infinity or NaN gives NaN.
// Bits depend on a row of x and a row of W alone.
#pragma once

#include "cpu/kernels/fixed_point_rows.h"

namespace llft::cpu::LLFT_ISA {

// Whether this instruction set multiplies rows of `dtype` with such codes here.
bool multiplies_codes(const QuantizedData& q, DType dtype);

inline constexpr int64_t kFewColumns = 4;

// Adds the products of rows [i, i + m), m <= 4, and rows [j, j + count) of W, count <= kFewColumns,
// to sums [m][kFewColumns].
void add_code_products(const GemmSegment& segment, const FixedPointRows& x, int64_t i, int64_t m,
                       int64_t j, int64_t count, float* sums);

}  // namespace llft::cpu::LLFT_ISA

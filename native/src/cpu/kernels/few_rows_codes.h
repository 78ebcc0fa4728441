// sums[i][j] += alpha * sum over k of x[i][k] * W[j][k] for a few rows x and a W of codes, each
// read once: decoding.
//
// x is made ready first (activation_rows.h). Codes are multiplied as they are and sums of 64 products are
// scaled then: W is not rounded, as it is where it is expanded for many rows. For rows of bfloat16,
// and for those of float32 where the term is fixed_point, both are whole numbers (the codebook
// of a 4-bit format times 16383, rounded), so that 64 products are added up without rounding.
//
// x: bfloat16 or float32 [m][k], row stride lda. Codes: as in kernels/quantized.h; 4-bit ones in
// blocks of 64 or more that begin with a row. sums: float32. Bytes read: those of the codes and
// their scales. FLOPs: 2 m k for each row of W.
// Error: that of the rows; as a whole number a 4-bit code is rounded by 2^-15 of the absmax of its
// block; scales and sums round in float32 with each step. What absmax and the unit of 64 of x make
// together loses bits below 2^-126. A row of x with an infinity or NaN gives NaN. Bits depend on a
// row of x and a row of W alone.
#pragma once

#include "cpu/kernels/activation_rows.h"

namespace llft::cpu::LLFT_ISA {

// Whether this instruction set multiplies such codes here.
bool multiplies_codes(const QuantizedData& q);

inline constexpr int kFewColumns = 4;

// Adds the products of rows [i, i + m), m <= 4, and rows [j, j + count) of W, count <= kFewColumns,
// to sums [m][kFewColumns].
template <class Value>
void add_code_products(const GemmTerm& term, const ActivationRows<Value>& x, int64_t i, int64_t m,
                       int64_t j, int64_t count, float* sums);

}  // namespace llft::cpu::LLFT_ISA

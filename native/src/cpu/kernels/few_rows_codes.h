// sums[i][j] += alpha * sum over k of x[i][k] * W[j][k] for a few bfloat16 rows x and a W of codes,
// each read once: decoding.
//
// The rows become whole numbers first, one power of two being the unit of each 64 of them; codes
// are whole numbers, too (the codebook of a 4-bit format times 16383, rounded). So 64 products are
// added up without rounding, and only then scaled: W is not rounded to bfloat16, as it is where it
// is expanded for many rows.
//
// x: bfloat16 [m][k], row stride lda. Codes: as in kernels/quantized.h; 4-bit ones in blocks of 64
// or more that begin with a row. sums: float32. Bytes read: those of the codes and their scales.
// FLOPs: 2 m k for each row of W.
// Error: x is rounded by at most 2^-14 of the largest |x| of its 64 (not at all down to a 64th of
// it), a 4-bit code by 2^-15 of the absmax of its block; the sums of the 64s round in float32 with
// each step. A row of x with an infinity or NaN gives NaN; 64 below 2^-113 count as zeros.
// Bits depend on a row of x and a row of W alone.
#pragma once

#include <cstdlib>
#include <memory>

#include "cpu/kernels/gemm.h"

#if defined(__AVX512BW__)
#define LLFT_HAS_FEW_ROWS_CODES 1
#else
#define LLFT_HAS_FEW_ROWS_CODES 0
#endif

namespace llft::cpu::LLFT_ISA {

// Whether this instruction set multiplies rows of `dtype` with such codes here.
bool multiplies_codes(const QuantizedData& q, DType dtype);

// Rows of x as whole numbers.
class FixedPointRows {
 public:
  FixedPointRows(const GemmSegment& segment, int64_t m);

  const int16_t* values(int64_t row) const { return values_ + row * padded_; }
  // One for each lane of the sum of two blocks, for 4 bits; one for each block, for int8.
  const float* scales(int64_t row) const { return scales_ + row * scales_per_row_; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  int64_t padded_ = 0;
  int64_t scales_per_row_ = 0;
  std::unique_ptr<char[], Free> memory_;
  int16_t* values_ = nullptr;  // both on lines of the cache
  float* scales_ = nullptr;
};

inline constexpr int64_t kFewColumns = 4;

// Adds the products of rows [i, i + m), m <= 4, and rows [j, j + count) of W, count <= kFewColumns,
// to sums [m][kFewColumns].
void add_code_products(const GemmSegment& segment, const FixedPointRows& x, int64_t i, int64_t m,
                       int64_t j, int64_t count, float* sums);

}  // namespace llft::cpu::LLFT_ISA

// Rows of bfloat16 as whole numbers below 2^14, one power of two being the unit of each 64 of them:
// what few_rows_codes.h multiplies codes with.
//
// A value is rounded by at most half a unit, which is 2^-14 of the largest magnitude of its 64, and
// not at all down to a 64th of that. 64 with an infinity or NaN get NaN as their unit; 64 below
// 2^-113 count as zeros.
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

inline constexpr int64_t kCodeBlock = 64;   // values that share a unit
inline constexpr int64_t kCodeGroup = 128;  // 4-bit codes in a vector of 64 bytes

inline bool is_four_bit(const QuantizedData& q) { return q.format != QuantFormat::INT8; }

// The rows of A of a segment, in the order in which its codes come: of a word of two bytes, those
// of elements 4l + 1, 4l, 4l + 3 and 4l + 2. So the 128 of a group lie as four vectors, one for
// each shift that brings a code lowest. Those for int8 lie as they come. Zeros fill the last group.
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

}  // namespace llft::cpu::LLFT_ISA

// Rows of bfloat16 as whole numbers below 2^14, one power of two being the unit of each 64 of them:
// what few_rows_codes.h multiplies codes with.
//
// A value is rounded by at most half a unit, which is 2^-14 of the largest magnitude of its 64, and
// not at all down to a 64th of that. 64 with an infinity or NaN get NaN as their unit; 64 below
// 2^-113 count as zeros.
#pragma once

#include <cstdlib>
#include <memory>

#include "cpu/kernels/code_lanes.h"
#include "cpu/kernels/gemm.h"

namespace llft::cpu::LLFT_ISA {

inline bool is_four_bit(const QuantizedData& q) { return q.format != QuantFormat::INT8; }

// The rows of A of a segment: for 4-bit codes in the order in which those of a group come, for int8
// as they are. Zeros fill the last group, and the last vector of scales.
class FixedPointRows {
 public:
  FixedPointRows(const GemmSegment& segment, int64_t m);

  const int16_t* values(int64_t row) const { return values_ + row * padded_; }
  // What a product of one unit of a block and one of a code stands for, before absmax.
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

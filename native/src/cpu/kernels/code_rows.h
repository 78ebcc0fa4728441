// The rows of A of a segment, made ready for products with codes (few_rows_codes.h): for 4-bit
// codes in the order in which those of a group come, for int8 as they are. Zeros fill the last
// group.
//
// Of float32: as they are. Of bfloat16: whole numbers below 2^14, one power of two being the unit
// of each 64 of them. A value is rounded by at most half a unit, which is 2^-14 of the largest
// magnitude of its 64, and not at all down to a 64th of that. 64 with an infinity or NaN get NaN as
// their unit; 64 below 2^-113 count as zeros.
#pragma once

#include <cstdlib>
#include <memory>

#include "cpu/kernels/code_lanes.h"
#include "cpu/kernels/gemm.h"

namespace llft::cpu::LLFT_ISA {

inline bool is_four_bit(const QuantizedData& q) { return q.format != QuantFormat::INT8; }

// Value: int16_t for rows of bfloat16, float for those of float32.
template <class Value>
class CodeRows {
 public:
  CodeRows(const GemmSegment& segment, int64_t m);

  const Value* values(int64_t row) const { return values_ + row * padded_; }
  // What a product of a value of a block and a code stands for, before absmax. Zeros fill the last
  // vector.
  const float* scales(int64_t row) const { return scales_ + row * scales_per_row_; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  int64_t padded_ = 0;
  int64_t scales_per_row_ = 0;
  std::unique_ptr<char[], Free> memory_;
  Value* values_ = nullptr;  // both on lines of the cache
  float* scales_ = nullptr;
};

}  // namespace llft::cpu::LLFT_ISA

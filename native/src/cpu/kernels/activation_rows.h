// The rows of A of a term, made ready for products with codes (few_rows_codes.h): for 4-bit
// codes in the order in which those of a group come, for int8 as they are. Zeros fill the last
// group. As floats, or as whole numbers (fixed_point.h).
#pragma once

#include <cstdlib>
#include <memory>

#include "cpu/kernels/code_lanes.h"
#include "cpu/kernels/gemm.h"

namespace llft::cpu::LLFT_ISA {

inline bool is_four_bit(const QuantizedData& q) { return q.format != QuantFormat::INT8; }

// Value: float, for rows of float32 alone, or int16_t.
template <class Value>
class ActivationRows {
 public:
  ActivationRows(const GemmTerm& term, int64_t m, DType stored);

  const Value* values(int64_t row) const { return values_ + row * padded_; }
  // What a product of a value of a block and a code stands for, before absmax. Zeros fill the last
  // vector.
  const float* scales(int64_t row) const { return scales_ + row * scales_per_row_; }

 private:
  template <class Stored>
  void fill(const GemmTerm& term, int64_t row);

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

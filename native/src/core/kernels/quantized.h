// A quantised matrix as kernels see it; core/quantized.h has the formulas.
#pragma once

#include <cstdint>

#include "core/quantized.h"

namespace llft {

struct QuantizedData {
  QuantFormat format = QuantFormat::NF4;
  int64_t columns = 0;
  int block_shift = 0;             // a block has 2^block_shift elements; unused by INT8
  const uint8_t* codes = nullptr;  // two per byte; int8 for INT8
  const float* absmax = nullptr;   // or null: doubly quantised, in what follows
  const uint8_t* absmax_codes = nullptr;
  const float* nested_absmax = nullptr;
  const float* offset = nullptr;  // [1]
};

}  // namespace llft

// The next token of each sequence, from its logits.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace llft {

struct SampleArgs {
  const void* logits;  // dtype [rows, columns]
  int32_t* ids;        // [rows], overwritten
  float* weights;      // [rows, columns], scratch; may be null where temperature is 0
  int64_t rows;
  int64_t columns;
  DType dtype;                 // float32 or bfloat16
  float temperature;           // 0: the largest logit
  int64_t top_k;               // 0: off
  double top_p;                // 1: off
  float min_p;                 // 0: off
  std::vector<int64_t> seeds;  // [rows]
  int64_t step;
};

}  // namespace llft

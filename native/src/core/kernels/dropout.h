// Zeroes elements at random and scales the others up.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

struct DropoutArgs {
  const void* x;  // dtype [n]
  void* y;        // dtype [n], overwritten; may be x
  int64_t n;
  DType dtype;         // float32 or bfloat16
  uint32_t threshold;  // ceil(p * 2^24): an element is kept where the upper 24 of its random bits
                       // reach it
  float factor;        // 1 / (1 - p)
  uint64_t seed;
  uint64_t offset;  // number of the first Philox block
};

}  // namespace llft

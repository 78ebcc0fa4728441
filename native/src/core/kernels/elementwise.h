// y = a + b, y = a * b, y = factor * x, dst += src, on flat arrays.
#pragma once

#include "core/dtype.h"

namespace llft {

struct BinaryArgs {
  const void* a;  // dtype [n]
  const void* b;  // dtype [n]
  void* y;        // dtype [n], overwritten; may be a or b
  int64_t n;
  DType dtype;  // float32 or bfloat16
};

struct ScaleArgs {
  const void* x;  // dtype [n]
  void* y;        // dtype [n], overwritten; may be x
  int64_t n;
  DType dtype;  // float32 or bfloat16
  float factor;
};

struct AccumulateArgs {
  float* dst;       // [n], added to
  const void* src;  // dtype [n]
  int64_t n;
  DType dtype;  // of src: float32 or bfloat16
};

}  // namespace llft

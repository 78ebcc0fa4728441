// The gate of a Llama MLP and its gradients.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

struct SwigluArgs {
  const void* gate;  // dtype [n]
  const void* up;    // dtype [n]
  void* y;           // dtype [n], overwritten
  int64_t n;
  DType dtype;  // float32 or bfloat16
};

struct SwigluBackwardArgs {
  const void* dy;    // dtype [n]
  const void* gate;  // dtype [n]
  const void* up;    // dtype [n]
  void* dgate;       // dtype [n], overwritten
  void* dup;         // dtype [n], overwritten
  int64_t n;
  DType dtype;  // float32 or bfloat16
};

}  // namespace llft

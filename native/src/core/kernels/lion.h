// The step of Lion, in float32.
#pragma once

#include <cstdint>

namespace llft {

struct LionStepArgs {
  float* param;              // [n], updated
  const float* grad;         // [n]
  float* m;                  // [n], updated
  const float* grad_factor;  // [1]: the gradient is grad * grad_factor[0]; not finite: no step
  int64_t n;
  float beta1;
  float beta1_rest;  // 1 - beta1
  float beta2_rest;  // 1 - beta2
  float lr;
  float decay;  // 1 - lr * weight_decay
};

}  // namespace llft

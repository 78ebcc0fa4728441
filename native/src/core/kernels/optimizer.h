// Clipping of the gradients' norm, and the steps of the optimisers, in float32.
#pragma once

#include <cstdint>

namespace llft {

struct ClipFactorArgs {
  const float* sum_squares;  // [1]: of the gradients before they are divided by count
  float* factor;             // [1], overwritten
  float* norm;               // [1], overwritten
  double count;
  double max_norm;  // 0 or less: no clipping
};

// The coefficients of one step of AdamW.
struct AdamwCoefficients {
  float beta1_rest;  // 1 - beta1
  float beta2;
  float beta2_rest;  // 1 - beta2
  float eps;
  float decay;         // 1 - lr * weight_decay
  float step_size;     // lr / (1 - beta1^step)
  float v_correction;  // sqrt(1 - beta2^step)
};

struct AdamwStepArgs {
  float* param;              // [n], updated
  const float* grad;         // [n]
  float* m;                  // [n], updated
  float* v;                  // [n], updated
  const float* grad_factor;  // [1]: the gradient is grad * grad_factor[0]; not finite: no step
  int64_t n;
  AdamwCoefficients coefficients;
};

struct SgdStepArgs {
  float* param;              // [n], updated
  const float* grad;         // [n]
  float* buffer;             // [n], updated; or null: no momentum
  const float* grad_factor;  // [1]: the gradient is grad * grad_factor[0]; not finite: no step
  int64_t n;
  float lr;
  float momentum;
  float weight_decay;
  bool first;  // the buffer has no value yet
};

}  // namespace llft

// The step of AdamW with both moments in 8 bits an element.
#pragma once

#include <cstdint>

#include "core/kernels/optimizer.h"

namespace llft {

// Elements that share a scale.
inline constexpr int64_t kMomentBlock = 256;

constexpr int64_t moment_blocks(int64_t n) { return (n + kMomentBlock - 1) / kMomentBlock; }

struct Adamw8bitStepArgs {
  float* param;              // [n], updated
  const float* grad;         // [n]
  uint8_t* m;                // [n], updated: codes of the signed dynamic map
  uint8_t* v;                // [n], updated: codes of the unsigned dynamic map
  float* m_absmax;           // [moment_blocks(n)], updated
  float* v_absmax;           // [moment_blocks(n)], updated
  const float* grad_factor;  // [1]: the gradient is grad * grad_factor[0]; not finite: no step
  int64_t n;
  AdamwCoefficients coefficients;
};

}  // namespace llft

// The step of Adafactor, in float32, with the second moment of a matrix kept as its row and column
// means.
#pragma once

#include <cstdint>

namespace llft {

// Elements of a line of a parameter that is not a matrix.
inline constexpr int64_t kAdafactorLine = 4096;

struct AdafactorStepArgs {
  float* param;              // [lines, width], updated; the last line may be shorter
  const float* grad;         // [lines, width]
  float* row;                // [lines], updated: of a matrix; or null
  float* column;             // [width], updated: of a matrix; or null
  float* v;                  // [n], updated: of anything else; or null
  float* m;                  // [n], updated; or null: no first moment
  const float* grad_factor;  // [1]: the gradient is grad * grad_factor[0]; not finite: no step
  double* partials;          // [2 * lines], scratch
  int64_t lines;
  int64_t width;
  int64_t n;
  float beta1;
  float beta2;           // of this step: 1 - step^decay_rate
  float eps1;            // added to squared gradients
  float eps2;            // least scale of a parameter
  float clip_threshold;  // of the root mean square of the update
  bool scale_parameter;  // lr times the root mean square of the parameter
  float lr;
  float weight_decay;
};

}  // namespace llft

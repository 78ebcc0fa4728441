// Cross entropy of rows of logits, summed over the rows that count (label not -100):
//
//   q[t, v]       = (1 - s) (v == labels[t]) + s / V, what is to be learnt; s is the smoothing
//   loss          = sum over t of log(sum over v of exp(z[t, v])) - sum over v of q[t, v] z[t, v]
//   dlogits[t, v] = softmax(z[t])[v] - q[t, v], 0 in rows that do not count
//
// With s = 0 that is the plain cross entropy, whose bits and speed are those of a kernel that knows
// no smoothing; otherwise a row's logits are read once more, for their mean.
//
// A row's exponentials are summed in 16 float32 lanes, then by halves, its logits likewise in
// blocks of 1024, which are added in float64; rows are summed in float64 in ascending order.
// Overwrites its outputs. Bytes: z once from memory (a row stays in the cache), dlogits once.
// Error, u = 2^-24: (V / 16 + 7) u relative on the sum of exponentials, of which exp itself is 2 u;
// a row's loss is off by that plus 2 u max |z|, with smoothing plus 70 s u max |z|, before rounding
// to float32; dlogits by (V / 16 + 9) u * softmax + u q + half a unit of the output type.
// Source of the smoothing: Szegedy et al., "Rethinking the Inception architecture for computer
// vision", 2016, over all tokens as in transformers' LabelSmoother.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

inline constexpr int32_t kIgnoredLabel = -100;

struct CrossEntropyArgs {
  const char* op = "crossEntropy";  // for errors
  DType dtype = DType::F32;         // of logits and dlogits: F32 or BF16
  const void* logits = nullptr;     // [T, V]
  const int32_t* labels = nullptr;  // [T]: -100 or in [0, V); others are an error
  double* row_losses = nullptr;     // [T], workspace
  float* loss = nullptr;            // [1]
  void* dlogits = nullptr;          // [T, V] or null
  int64_t tokens = 0;
  int64_t vocabulary = 0;
  double smoothing = 0;  // s, in [0, 1)
};

}  // namespace llft

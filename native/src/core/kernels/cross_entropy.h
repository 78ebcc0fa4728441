// Cross entropy of rows of logits, summed over the rows that count (label not -100):
//
//   loss          = sum over t of log(sum over v of exp(z[t, v])) - z[t, labels[t]]
//   dlogits[t, v] = softmax(z[t])[v] - (v == labels[t]), 0 in rows that do not count
//
// A row's exponentials are summed in 16 float32 lanes, then by halves; rows are summed in float64
// in ascending order. Overwrites its outputs. Bytes: z once from memory (a row stays in the cache),
// dlogits once. Error, u = 2^-24: (V / 16 + 7) u relative on the sum of exponentials, of which exp
// itself is 2 u; a row's loss is off by that plus 2 u max |z| before rounding to float32, dlogits
// by (V / 16 + 9) u * softmax + half a unit of the output type.
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
};

}  // namespace llft

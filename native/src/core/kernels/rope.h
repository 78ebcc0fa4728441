// Rotary position embedding, halves paired as (i, i + C):
//
//   y[t, h, i]     = x[t, h, i] * cos - x[t, h, i + C] * sin        i < C
//   y[t, h, i + C] = x[t, h, i + C] * cos + x[t, h, i] * sin
//                    with cos, sin = cosines, sines[positions[t], i]
//   y[t, h, j]     = x[t, h, j]                                     j >= 2 C
//
// `inverse` rotates the other way (sin -> -sin), which is the backward of the same op. float32
// arithmetic; overwrites y. Bytes: x and y once. FLOPs: 6 T H C. Error: |error| <= 3 u (|x_i| +
// |x_(i+C)|), u = 2^-24, plus half a unit in the last place of the output type. Source: Su et al.,
// "RoFormer", 2021; the pairing of Hugging Face's rotate_half.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

struct RopeArgs {
  DType dtype = DType::F32;            // of x and y: F32 or BF16
  const void* x = nullptr;             // [T, H, Dh]
  void* y = nullptr;                   // [T, H, Dh]
  const float* cosines = nullptr;      // [P, C]
  const float* sines = nullptr;        // [P, C]
  const int32_t* positions = nullptr;  // [T]; one outside [0, P) is an error
  int64_t tokens = 0;
  int64_t heads = 0;
  int64_t head_dim = 0;
  int64_t half = 0;        // C
  int64_t table_rows = 0;  // P
  bool inverse = false;
};

}  // namespace llft

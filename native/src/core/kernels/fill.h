// fill: dst[i] = value, converted to the type of dst (nearest even; the op checks integers).
//
// fill_random: dst[i] = the draw of element e = offset + i of the seed's Philox sequence, whatever
// the size and the threads. With u(e) = (bits of element e >> 8) * 2^-24, which lies in [0, 1),
// and p = e - e % 2:
//
//   uniform  low + (high - low) * u(e)
//   normal   mean + std * sqrt(-2 ln(1 - u(p))) * cos(2 pi u(p + 1))      sin for odd e
//
// Computed in float32, the last product and sum in float64, then rounded to the type of dst.
// Overwrites dst. Bytes: dst once.
// Error before rounding: uniform 0; normal std * 2e-6 (the angle in float32 is off by 2^-22 at
// most, its function by one unit, and the radius, at most 5.8, by two).
// Source: Salmon et al. 2011 (see core/rng.h); Box, Muller: "A note on the generation of random
// normal deviates", 1958.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

struct FillArgs {
  DType dtype = DType::F32;  // float32, bfloat16, int32, uint8, int8
  void* dst = nullptr;       // [count]
  int64_t count = 0;
  double value = 0;
};

struct FillRandomArgs {
  DType dtype = DType::F32;  // float32, bfloat16
  void* dst = nullptr;       // [count]
  int64_t count = 0;
  bool normal = false;
  double low = 0;   // or the mean
  double high = 1;  // or the standard deviation
  uint64_t seed = 0;
  uint64_t offset = 0;
};

}  // namespace llft

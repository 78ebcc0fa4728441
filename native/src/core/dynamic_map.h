// The 8-bit dynamic maps: 256 ascending float32 values in [-1, 1] whose steps shrink towards 0, and
// the midpoints of neighbours, which decide which of them is nearest.
//
// For i in 0..6: the interval [0.1, 1] cut into 2^i parts (2^(i+1) in the unsigned map), the middle
// of each part times 10^(i-6), with both signs in the signed map; then 0 and 1. So the signed map
// ends at -0.99296875 and has no -1. Its bits are those of bitsandbytes: each end of a part is
// rounded once, the middle and the product once each.
// Source: Dettmers, "8-Bit Approximations for Parallelism in Deep Learning", arXiv:1511.04561.
#pragma once

namespace llft {

struct DynamicMap {
  float values[256];
  float midpoints[255];  // midpoints[i] = (values[i] + values[i + 1]) / 2
};

// Signed values, or those of [0, 1] alone. Lives as long as the process.
const DynamicMap& dynamic_map(bool is_signed);

}  // namespace llft

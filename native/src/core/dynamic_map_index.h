// A first guess at the nearest code of an 8-bit dynamic map, from the sign, the exponent and the
// upper 7 bits of the fraction of a float32: buckets so narrow that at most one midpoint lies in
// each, so that one comparison makes the guess exact.
#pragma once

#include <cstdint>

namespace llft {

struct DynamicMapIndex {
  // Bits 16 and up of 2^-24; smaller magnitudes share the first bucket, which holds no midpoint.
  static constexpr int32_t kFirst = (127 - 24) << 7;
  static constexpr int32_t kBuckets = (24 << 7) + 1;  // the last one begins at 1
  // Midpoints below each bucket, at most 254, for x >= 0 and then for x < 0. Floats, as kernels
  // gather floats.
  float codes[2 * kBuckets];
};

// Lives as long as the process.
const DynamicMapIndex& dynamic_map_index(bool is_signed);

}  // namespace llft

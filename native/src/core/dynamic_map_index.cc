#include "core/dynamic_map_index.h"

#include <algorithm>
#include <cstring>

#include "core/dynamic_map.h"

namespace llft {
namespace {

float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

float codes_below(const DynamicMap& map, float x) {
  const auto below = std::lower_bound(map.midpoints, map.midpoints + 255, x) - map.midpoints;
  return static_cast<float>(std::min<int64_t>(below, 254));
}

DynamicMapIndex make(bool is_signed) {
  const DynamicMap& map = dynamic_map(is_signed);
  DynamicMapIndex index;
  for (int32_t bucket = 0; bucket < DynamicMapIndex::kBuckets; ++bucket) {
    const uint32_t bits = static_cast<uint32_t>(DynamicMapIndex::kFirst + bucket) << 16;
    // The least x of the bucket, which on the negative side is the one furthest from 0.
    index.codes[bucket] = codes_below(map, bucket == 0 ? 0.0f : from_bits(bits));
    index.codes[DynamicMapIndex::kBuckets + bucket] = codes_below(map, -from_bits(bits | 0xffff));
  }
  return index;
}

}  // namespace

const DynamicMapIndex& dynamic_map_index(bool is_signed) {
  static const DynamicMapIndex with_sign = make(true), without_sign = make(false);
  return is_signed ? with_sign : without_sign;
}

}  // namespace llft

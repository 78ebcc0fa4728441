#include "core/dynamic_map.h"

#include <algorithm>
#include <cmath>

namespace llft {
namespace {

// Point `i` of `parts` equal parts of [0.1, 1], counted from the nearer end.
float boundary(int i, int parts) {
  const float step = (1.0f - 0.1f) / static_cast<float>(parts);
  return i < (parts + 1) / 2 ? std::fma(step, static_cast<float>(i), 0.1f)
                             : std::fma(-step, static_cast<float>(parts - i), 1.0f);
}

DynamicMap make(bool is_signed) {
  DynamicMap map;
  int count = 0;
  for (int i = 0; i < 7; ++i) {
    const int parts = is_signed ? 1 << i : 2 << i;
    const float power = static_cast<float>(std::pow(10.0, i - 6));
    for (int part = 0; part < parts; ++part) {
      const float middle = (boundary(part, parts) + boundary(part + 1, parts)) / 2.0f;
      map.values[count++] = power * middle;
      if (is_signed) map.values[count++] = -(power * middle);
    }
  }
  map.values[count++] = 0.0f;
  map.values[count++] = 1.0f;
  std::sort(map.values, map.values + count);
  for (int i = 0; i < 255; ++i) map.midpoints[i] = (map.values[i] + map.values[i + 1]) / 2.0f;
  return map;
}

}  // namespace

const DynamicMap& dynamic_map(bool is_signed) {
  static const DynamicMap with_sign = make(true), without_sign = make(false);
  return is_signed ? with_sign : without_sign;
}

}  // namespace llft

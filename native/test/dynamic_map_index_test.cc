#include "core/dynamic_map_index.h"

#include <cmath>

#include "core/dynamic_map.h"
#include "op_check.h"

namespace llft::test {
namespace {

int code_by_index(const DynamicMap& map, const DynamicMapIndex& index, float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  const int32_t raw = static_cast<int32_t>((bits & 0x7fffffffu) >> 16) - DynamicMapIndex::kFirst;
  const int32_t bucket = std::clamp(raw, 0, DynamicMapIndex::kBuckets - 1);
  const int code = static_cast<int>(index.codes[bucket + (x < 0 ? DynamicMapIndex::kBuckets : 0)]);
  return code + (map.midpoints[code] < x);
}

int code_by_count(const DynamicMap& map, float x) {
  int code = 0;
  for (const float midpoint : map.midpoints) code += midpoint < x;
  return code;
}

TEST_CASE("dynamic map index: the guess and one comparison give the nearest code") {
  for (const bool is_signed : {true, false}) {
    const DynamicMap& map = dynamic_map(is_signed);
    const DynamicMapIndex& index = dynamic_map_index(is_signed);
    std::vector<float> xs = {0, -0.0f, 1, -1, 1.0000001f, 0x1p-24f, 0x1p-30f, -0x1p-30f, 1e-40f};
    for (const float midpoint : map.midpoints) {
      for (const float x :
           {std::nextafter(midpoint, -2.0f), midpoint, std::nextafter(midpoint, 2.0f)})
        xs.push_back(x);
    }
    Random random(3);
    for (int i = 0; i < 50000; ++i) {
      const double magnitude = std::pow(10.0, random.uniform(-8, 0));
      xs.push_back(static_cast<float>(i % 2 && is_signed ? -magnitude : magnitude));
    }
    int wrong = 0;
    for (const float x : xs) wrong += code_by_index(map, index, x) != code_by_count(map, x);
    CHECK(wrong == 0);
  }
}

}  // namespace
}  // namespace llft::test

// The dynamic maps against their formula in double precision.
#include "core/dynamic_map.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "doctest/doctest.h"

namespace {

std::vector<double> expected_values(bool is_signed) {
  std::vector<double> values = {0, 1};
  for (int i = 0; i < 7; ++i) {
    const int parts = is_signed ? 1 << i : 2 << i;
    for (int part = 0; part < parts; ++part) {
      const double value = (0.1 + 0.9 * (part + 0.5) / parts) * std::pow(10.0, i - 6);
      values.push_back(value);
      if (is_signed) values.push_back(-value);
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

TEST_CASE("dynamic map: 256 ascending values, each within its roundings of the formula") {
  for (const bool is_signed : {true, false}) {
    const llft::DynamicMap& map = llft::dynamic_map(is_signed);
    const std::vector<double> expected = expected_values(is_signed);
    REQUIRE(expected.size() == 256);
    for (int i = 0; i < 256; ++i) {
      // Two boundaries below 1 with a step of its own error, their mean, the power and the product:
      // 8 roundings, the first of them relative to 1 and not to the value.
      const double scale = std::pow(10.0, std::ceil(std::log10(std::abs(expected[i]) + 1e-7)));
      CHECK(std::abs(map.values[i] - expected[i]) <= 8 * 0x1p-24 * scale);
    }
    for (int i = 0; i < 255; ++i) {
      CHECK(map.values[i] < map.values[i + 1]);
      CHECK(map.midpoints[i] > map.values[i]);
      CHECK(map.midpoints[i] < map.values[i + 1]);
    }
  }
  CHECK(llft::dynamic_map(true).values[127] == 0.0f);
  CHECK(llft::dynamic_map(true).values[0] == -0.99296876788139343f);
  CHECK(llft::dynamic_map(false).values[0] == 0.0f);
}

}  // namespace

#include "cpu/blocks/block_search.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/blocks.h"

namespace llft::cpu {
namespace {

constexpr float kSmallest = 1e-15f;  // runs of smaller numbers are zeros
constexpr int kLongest = 32;         // elements of a run

// The element of the largest magnitude, the first of several.
float largest_element(const float* x, int n) {
  float most = 0, element = 0;
  for (int i = 0; i < n; ++i) {
    if (std::fabs(x[i]) > most) {
      most = std::fabs(x[i]);
      element = x[i];
    }
  }
  return element;
}

int code_between(float value, int least, int most) {
  return std::max(least, std::min(most, nearest_integer(value)));
}

// Of codes q that stand for s q: sums of w x q and w q q. The best s is their ratio.
struct Moments {
  float product = 0;
  float square = 0;

  void add(float weight, float x, float code) {
    product += weight * x * code;
    square += weight * code * code;
  }
  float scale() const { return square > 0 ? product / square : 0.0f; }
};

struct Weights {
  const float* given;  // or null: x^2
  float at(const float* x, int i) const { return given ? given[i] : x[i] * x[i]; }
};

Moments moments_at(const float* x, const Weights& weights, int n, int levels, float inverse) {
  Moments moments;
  for (int i = 0; i < n; ++i) {
    const int code = code_between(inverse * x[i], -levels, levels - 1);
    moments.add(weights.at(x, i), x[i], static_cast<float>(code));
  }
  return moments;
}

void codes_at(const float* x, int n, int levels, float inverse, uint8_t* codes) {
  for (int i = 0; i < n; ++i) {
    codes[i] = static_cast<uint8_t>(levels + code_between(inverse * x[i], -levels, levels - 1));
  }
}

// Moves single codes of s (q - offset) while that lowers the error, up to five times over the run.
// Codes are in [least, most], before the offset.
struct Descent {
  const float* x;
  Weights weights;
  int n;
  int least, most;
  int* codes;
  Moments sums;

  void run(bool needs_square) {
    for (int round = 0; round < 5; ++round) {
      bool has_moved = false;
      for (int i = 0; i < n; ++i) has_moved |= move(i, needs_square);
      if (!has_moved) return;
    }
  }

 private:
  bool move(int i, bool needs_square) {
    const float weight = weights.at(x, i), before = static_cast<float>(codes[i]);
    float product = sums.product - weight * x[i] * before;
    float square = sums.square - weight * before * before;
    if (!(product > 0) || (needs_square && !(square > 0))) return false;
    const int code = std::max(least, std::min(most, nearest_integer(x[i] * square / product)));
    if (code == codes[i]) return false;
    product += weight * x[i] * static_cast<float>(code);
    square += weight * static_cast<float>(code) * static_cast<float>(code);
    if (!needs_square && !(square > 0)) return false;
    if (!(product * product * sums.square > sums.product * sums.product * square)) return false;
    codes[i] = code;
    sums = {product, square};
    return true;
  }
};

// Sums over a run, as its weights and elements do not change.
struct RunSums {
  float weight = 0;
  float x = 0;
};

float error_of(const float* x, const float* weights, int n, const AffineFit& fit, bool is_magnitude,
               const uint8_t* codes) {
  float error = 0;
  for (int i = 0; i < n; ++i) {
    const float difference = fit.scale * codes[i] - fit.minimum - x[i];
    const float size = is_magnitude ? std::fabs(difference) : difference * difference;
    error += weights[i] * size;
  }
  return error;
}

void affine_codes(const float* x, int n, int most, float inverse, float least, uint8_t* codes) {
  for (int i = 0; i < n; ++i) {
    codes[i] = static_cast<uint8_t>(code_between(inverse * (x[i] - least), 0, most));
  }
}

// The scale and minimum of the least squares for given codes; false where they decide on none.
bool solve_affine(const float* x, const float* weights, int n, const RunSums& sums,
                  const uint8_t* codes, AffineFit& fit) {
  float code = 0, square = 0, product = 0;
  for (int i = 0; i < n; ++i) {
    const float w = weights[i], q = codes[i];
    code += w * q;
    square += w * q * q;
    product += w * q * x[i];
  }
  const float determinant = sums.weight * square - code * code;
  if (!(determinant > 0)) return false;
  fit.scale = (sums.weight * product - sums.x * code) / determinant;
  float least = (square * sums.x - code * product) / determinant;
  if (least > 0) {
    least = 0;
    fit.scale = product / square;
  }
  fit.minimum = -least;
  return true;
}

}  // namespace

int nearest_integer(float value) {
  // 1.5 * 2^23: adding it leaves the whole number in the fraction.
  const int32_t bits = std::bit_cast<int32_t>(value + 12582912.0f);
  return (bits & 0x007fffff) - 0x00400000;
}

float fit_symmetric(const float* x, const float* weights, int n, int levels, uint8_t* codes) {
  const float largest = largest_element(x, n);
  if (std::fabs(largest) < kSmallest) {
    std::fill(codes, codes + n, uint8_t{0});
    return 0.0f;
  }
  const Weights w{weights};
  const float first = static_cast<float>(-levels) / largest;
  codes_at(x, n, levels, first, codes);
  Moments sums = moments_at(x, w, n, levels, first);
  float scale = sums.square != 0 ? sums.product / sums.square : 0.0f;
  float best = scale * sums.product;
  for (int step = -9; step <= 9; ++step) {
    if (step == 0) continue;
    const float inverse = -(static_cast<float>(levels) + 0.1f * static_cast<float>(step)) / largest;
    sums = moments_at(x, w, n, levels, inverse);
    if (sums.square > 0 && sums.product * sums.product > best * sums.square) {
      codes_at(x, n, levels, inverse, codes);
      scale = sums.product / sums.square;
      best = scale * sums.product;
    }
  }
  return scale;
}

float fit_symmetric_in_turn(const float* x, int n, int levels, uint8_t* codes) {
  const float largest = largest_element(x, n);
  if (std::fabs(largest) < kSmallest) {
    std::fill(codes, codes + n, uint8_t{0});
    return 0.0f;
  }
  const float inverse = static_cast<float>(-levels) / largest;
  int moved[kLongest];
  Descent descent{x, {nullptr}, n, -levels, levels - 1, moved, {}};
  for (int i = 0; i < n; ++i) {
    moved[i] = code_between(inverse * x[i], -levels, levels - 1);
    descent.sums.add(x[i] * x[i], x[i], static_cast<float>(moved[i]));
  }
  descent.run(false);
  for (int i = 0; i < n; ++i) codes[i] = static_cast<uint8_t>(moved[i] + levels);
  return descent.sums.scale();
}

AffineFit fit_affine(const float* x, const float* weights, int n, int most, const ScaleSteps& steps,
                     bool is_magnitude, uint8_t* codes) {
  float least = x[0], largest = x[0];
  RunSums sums{weights[0], weights[0] * x[0]};
  for (int i = 1; i < n; ++i) {
    least = std::min(least, x[i]);
    largest = std::max(largest, x[i]);
    sums.weight += weights[i];
    sums.x += weights[i] * x[i];
  }
  if (least > 0) least = 0;
  if (largest <= least) {
    std::fill(codes, codes + n, uint8_t{0});
    return {0.0f, -least};
  }
  const float inverse = static_cast<float>(most) / (largest - least);
  AffineFit best{1 / inverse, -least};
  affine_codes(x, n, most, inverse, least, codes);
  float best_error = error_of(x, weights, n, best, is_magnitude, codes);
  uint8_t tried[kLongest];
  for (int i = 0; i <= steps.last; ++i) {
    const float levels =
        steps.first + steps.step * static_cast<float>(i) + static_cast<float>(most);
    affine_codes(x, n, most, levels / (largest + best.minimum), -best.minimum, tried);
    AffineFit fit;
    if (!solve_affine(x, weights, n, sums, tried, fit)) continue;
    const float error = error_of(x, weights, n, fit, is_magnitude, tried);
    if (!(error < best_error)) continue;
    std::copy(tried, tried + n, codes);
    best_error = error;
    best = fit;
  }
  return best;
}

float fit_positive(const float* x, const float* weights, int n, int most, uint8_t* codes) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, x[i]);
  if (largest < kSmallest) {
    std::fill(codes, codes + n, uint8_t{0});
    return 0.0f;
  }
  const auto error_at = [&](float inverse, bool is_bounded) {
    const float scale = 1 / inverse;
    float error = 0;
    for (int i = 0; i < n; ++i) {
      const int code = nearest_integer(inverse * x[i]);
      const float difference =
          x[i] - scale * static_cast<float>(is_bounded ? std::min(most, code) : code);
      error += weights[i] * difference * difference;
    }
    return error;
  };
  float inverse = static_cast<float>(most) / largest;
  float best = error_at(inverse, false);
  for (int step = -4; step <= 4; ++step) {
    if (step == 0) continue;
    const float tried = (0.1f * static_cast<float>(step) + static_cast<float>(most)) / largest;
    const float error = error_at(tried, true);
    if (error < best) {
      best = error;
      inverse = tried;
    }
  }
  int moved[kLongest];
  Descent descent{x, {weights}, n, 0, most, moved, {}};
  // Nothing is below 0, so that only the upper bound can be met.
  descent.least = INT32_MIN;
  for (int i = 0; i < n; ++i) {
    moved[i] = std::min(most, nearest_integer(inverse * x[i]));
    descent.sums.add(weights[i], x[i], static_cast<float>(moved[i]));
  }
  descent.run(true);
  for (int i = 0; i < n; ++i) codes[i] = static_cast<uint8_t>(moved[i]);
  return descent.sums.scale();
}

int nearest_iq4(float x) {
  const int8_t* values = kIq4Values;
  if (x <= values[0]) return 0;
  if (x >= values[15]) return 15;
  int below = 0, above = 15;
  while (above - below > 1) {
    const int middle = (below + above) / 2;
    (x < values[middle] ? above : below) = middle;
  }
  return x - values[above - 1] < values[above] - x ? above - 1 : above;
}

float fit_iq4(const float* x, const float* weights, int n) {
  constexpr int kSteps = 7;
  const float largest = largest_element(x, n);
  if (std::fabs(largest) < kSmallest) return 0.0f;
  const auto moments = [&](float inverse) {
    Moments sums;
    for (int i = 0; i < n; ++i) {
      const float value = kIq4Values[nearest_iq4(inverse * x[i])];
      sums.product += weights[i] * value * x[i];
      sums.square += weights[i] * value * value;
    }
    return sums;
  };
  Moments sums = moments(1 / (-largest / kIq4Values[0]));
  float scale = sums.scale();  // 0 where no element has importance
  float best = scale * sums.product;
  for (int step = -kSteps; step <= kSteps; ++step) {
    sums = moments(static_cast<float>(step + kIq4Values[0]) / largest);
    if (sums.square > 0 && sums.product * sums.product > best * sums.square) {
      scale = sums.product / sums.square;
      best = scale * sums.product;
    }
  }
  return scale;
}

}  // namespace llft::cpu

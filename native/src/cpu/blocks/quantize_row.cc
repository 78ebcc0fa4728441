#include "cpu/blocks/quantize_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/blocks.h"
#include "core/half.h"
#include "cpu/blocks/block_search.h"

namespace llft::cpu {
namespace {

// What is known of a block beside its elements.
struct Given {
  const float* importance;  // of its elements, or null
  float row_mean_square;    // of the whole row
};

float mean_square(const float* x, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum / static_cast<float>(n);
}

// importance sqrt(variance + x^2)
void weigh(const float* x, const float* importance, float variance, int n, float* weights) {
  for (int i = 0; i < n; ++i) weights[i] = importance[i] * std::sqrt(variance + x[i] * x[i]);
}

float sum_of(const float* x, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i];
  return sum;
}

// The whole part as ggml's casts give it where a processor's conversion fails: 0.
int truncated(float value) {
  return value > -2147483648.0f && value < 2147483648.0f ? static_cast<int>(value) : 0;
}

// ---- codes into bytes ------------------------------------------------------------------------------

// Element i in the low half of byte i, i + 16 in its high half.
void pack_halves(const uint8_t* codes, int n, uint8_t* bytes) {
  for (int i = 0; i < n / 2; ++i) {
    bytes[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + n / 2] & 15) << 4);
  }
}

// Bit 4 of element i becomes bit i.
void pack_fifth_bits(const uint8_t* codes, uint8_t* bytes) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<uint32_t>(codes[i] >> 4 & 1) << i;
  std::memcpy(bytes, &bits, sizeof(bits));
}

// Two bits each, of 128 elements in 32 bytes, for 256.
void pack_quarters(const uint8_t* codes, int shift, uint8_t* bytes) {
  for (int half = 0; half < 2; ++half, codes += 128, bytes += 32) {
    for (int i = 0; i < 32; ++i) {
      int byte = 0;
      for (int part = 0; part < 4; ++part) byte |= (codes[i + 32 * part] >> shift & 3) << 2 * part;
      bytes[i] = static_cast<uint8_t>(byte);
    }
  }
}

// Bit `bit` of element i becomes bit i / 32 of byte i % 32.
void pack_bit_planes(const uint8_t* codes, int bit, uint8_t* bytes) {
  for (int i = 0; i < 32; ++i) {
    int byte = 0;
    for (int plane = 0; plane < 8; ++plane) byte |= (codes[i + 32 * plane] >> bit & 1) << plane;
    bytes[i] = static_cast<uint8_t>(byte);
  }
}

// Eight scales and eight minima of 6 bits in 12 bytes.
void pack_scales_and_minima(const uint8_t* scales, const uint8_t* minima, uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<uint8_t>(scales[i] | scales[i + 4] >> 4 << 6);
    bytes[i + 4] = static_cast<uint8_t>(minima[i] | minima[i + 4] >> 4 << 6);
    bytes[i + 8] = static_cast<uint8_t>((scales[i + 4] & 15) | (minima[i + 4] & 15) << 4);
  }
}

// Sixteen scales of 6 bits in 12 bytes: the low halves of two in each of eight, and the rest in four.
void pack_scales(const uint8_t* scales, uint8_t* bytes) {
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<uint8_t>((scales[i] & 15) | (scales[i + 8] & 15) << 4);
  }
  for (int i = 0; i < 4; ++i) {
    int byte = 0;
    for (int part = 0; part < 4; ++part) byte |= (scales[i + 4 * part] >> 4) << 2 * part;
    bytes[i + 8] = static_cast<uint8_t>(byte);
  }
}

// ---- blocks of 32 ----------------------------------------------------------------------------------

constexpr ScaleSteps kWeighted{-0.9f, 0.05f, 36};

// x ~ d (q - levels): d of the largest magnitude, or of the weighted search.
float symmetric_codes(const float* x, const Given& given, int levels, uint8_t* codes) {
  if (given.importance) {
    float weights[kSmallBlock];
    weigh(x, given.importance, given.row_mean_square, kSmallBlock, weights);
    return fit_symmetric(x, weights, kSmallBlock, levels, codes);
  }
  float most = 0, largest = 0;
  for (int i = 0; i < kSmallBlock; ++i) {
    if (most < std::fabs(x[i])) {
      most = std::fabs(x[i]);
      largest = x[i];
    }
  }
  const float d = largest / static_cast<float>(-levels), inverse = d != 0 ? 1.0f / d : 0.0f;
  const float half = static_cast<float>(levels) + 0.5f;
  for (int i = 0; i < kSmallBlock; ++i) {
    const int code = static_cast<int8_t>(truncated(x[i] * inverse + half));
    codes[i] = static_cast<uint8_t>(std::min(2 * levels - 1, code));
  }
  return d;
}

// x ~ d q - m: of the range, or of the weighted search.
AffineFit affine_codes(const float* x, const Given& given, int most, uint8_t* codes) {
  if (given.importance) {
    float weights[kSmallBlock];
    weigh(x, given.importance, given.row_mean_square, kSmallBlock, weights);
    return fit_affine(x, weights, kSmallBlock, most, kWeighted, false, codes);
  }
  float least = x[0], largest = x[0];
  for (int i = 1; i < kSmallBlock; ++i) {
    if (x[i] < least) least = x[i];
    if (x[i] > largest) largest = x[i];
  }
  const float d = (largest - least) / static_cast<float>(most), inverse = d != 0 ? 1.0f / d : 0.0f;
  for (int i = 0; i < kSmallBlock; ++i) {
    const int code = static_cast<int8_t>(truncated((x[i] - least) * inverse + 0.5f));
    codes[i] = static_cast<uint8_t>(std::min(most, code));
  }
  return {d, -least};
}

void quantize(const float* x, const Given& given, BlockQ4_0& block) {
  uint8_t codes[kSmallBlock];
  block.d = float_to_half(symmetric_codes(x, given, 8, codes));
  pack_halves(codes, kSmallBlock, block.codes);
}

void quantize(const float* x, const Given& given, BlockQ5_0& block) {
  uint8_t codes[kSmallBlock];
  block.d = float_to_half(symmetric_codes(x, given, 16, codes));
  pack_halves(codes, kSmallBlock, block.codes);
  pack_fifth_bits(codes, block.high);
}

void quantize(const float* x, const Given& given, BlockQ4_1& block) {
  uint8_t codes[kSmallBlock];
  const AffineFit fit = affine_codes(x, given, 15, codes);
  block.d = float_to_half(fit.scale);
  block.m = float_to_half(-fit.minimum);
  pack_halves(codes, kSmallBlock, block.codes);
}

void quantize(const float* x, const Given& given, BlockQ5_1& block) {
  uint8_t codes[kSmallBlock];
  const AffineFit fit = affine_codes(x, given, 31, codes);
  block.d = float_to_half(fit.scale);
  block.m = float_to_half(-fit.minimum);
  pack_halves(codes, kSmallBlock, block.codes);
  pack_fifth_bits(codes, block.high);
}

void quantize(const float* x, const Given&, BlockQ8_0& block) {
  float most = 0;
  for (int i = 0; i < kSmallBlock; ++i) most = std::max(most, std::fabs(x[i]));
  const float d = most / 127.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
  block.d = float_to_half(d);
  for (int i = 0; i < kSmallBlock; ++i) {
    block.codes[i] = static_cast<int8_t>(truncated(std::round(x[i] * inverse)));
  }
}

void quantize(const float* x, const Given& given, BlockIQ4_NL& block) {
  float weights[kSmallBlock];
  if (given.importance) {
    weigh(x, given.importance, 2 * mean_square(x, kSmallBlock), kSmallBlock, weights);
  } else {
    for (int i = 0; i < kSmallBlock; ++i) weights[i] = x[i] * x[i];
  }
  const float scale = fit_iq4(x, weights, kSmallBlock), inverse = scale != 0 ? 1 / scale : 0.0f;
  block.d = float_to_half(scale);
  uint8_t codes[kSmallBlock];
  for (int i = 0; i < kSmallBlock; ++i) {
    codes[i] = static_cast<uint8_t>(nearest_iq4(inverse * x[i]));
  }
  pack_halves(codes, kSmallBlock, block.codes);
}

// The first of the nearest.
int nearest_mxfp4(float x, float scale) {
  int best = 0;
  float error = std::fabs(kMxfp4Values[0] * scale - x);
  for (int i = 1; i < 16; ++i) {
    const float other = std::fabs(kMxfp4Values[i] * scale - x);
    if (other < error) {
      best = i;
      error = other;
    }
  }
  return best;
}

void quantize(const float* x, const Given&, BlockMXFP4& block) {
  float most = 0;
  for (int i = 0; i < kSmallBlock; ++i) most = std::max(most, std::fabs(x[i]));
  // In double, so that every library rounds it to the same float.
  const float exponent = std::floor(static_cast<float>(std::log2(static_cast<double>(most))));
  block.exponent = most > 0 ? static_cast<uint8_t>(truncated(exponent - 2 + 127)) : uint8_t{0};
  const float scale = mxfp4_scale(block.exponent);
  uint8_t codes[kSmallBlock];
  for (int i = 0; i < kSmallBlock; ++i) codes[i] = static_cast<uint8_t>(nearest_mxfp4(x[i], scale));
  pack_halves(codes, kSmallBlock, block.codes);
}

// ---- blocks of 256 in runs -------------------------------------------------------------------------

constexpr int kMostRuns = 16;

// The runs of a block: scales as floats and as codes, and the codes of the elements.
struct Runs {
  int count, length;
  float scales[kMostRuns], minima[kMostRuns], weights[kMostRuns];
  uint8_t scale_codes[kMostRuns], minimum_codes[kMostRuns];
  uint8_t codes[kLargeBlock];
};

struct AffineFormat {
  int runs;
  int most;        // of a code
  int most_scale;  // of the code of a scale
  ScaleSteps steps;
  bool is_magnitude;  // of the error without importance
};

// Without importance: |x|, or the root mean square of the run plus |x|.
void run_weights(const float* x, int n, bool is_magnitude, float* weights) {
  const float root = is_magnitude ? 0.0f : std::sqrt(mean_square(x, n));
  for (int i = 0; i < n; ++i) weights[i] = root + std::fabs(x[i]);
}

void fit_runs(const float* x, const float* importance, const AffineFormat& format, Runs& runs) {
  const int n = runs.length;
  // Q2_K takes the mean square, the others twice that.
  const float factor = format.is_magnitude ? 1.0f : 2.0f;
  float sum = 0;
  for (int i = 0; importance && i < kLargeBlock; ++i) sum += x[i] * x[i];
  const float variance = factor * sum / static_cast<float>(kLargeBlock);
  for (int run = 0; run < runs.count; ++run) {
    const float* part = x + run * n;
    float weights[kSmallBlock];
    if (importance) {
      weigh(part, importance + run * n, variance, n, weights);
    } else {
      run_weights(part, n, format.is_magnitude, weights);
    }
    runs.weights[run] = sum_of(weights, n);
    const AffineFit fit =
        fit_affine(part, weights, n, format.most, importance ? kWeighted : format.steps,
                   !importance && format.is_magnitude, runs.codes + run * n);
    runs.scales[run] = fit.scale;
    runs.minima[run] = fit.minimum;
  }
}

// Codes of scales by the largest of them.
float scale_codes_by_largest(const float* scales, int n, int most, uint8_t* codes) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, scales[i]);
  const float inverse = largest > 0 ? static_cast<float>(most) / largest : 0.0f;
  for (int i = 0; i < n; ++i) {
    const auto code = static_cast<uint8_t>(nearest_integer(inverse * scales[i]));
    codes[i] = std::min(static_cast<uint8_t>(most), code);
  }
  return largest / static_cast<float>(most);
}

// d, dmin and all codes of a block whose runs are s q - m.
template <class Block>
void quantize_affine(const float* x, const Given& given, const AffineFormat& format, Block& block,
                     Runs& runs) {
  runs.count = format.runs;
  runs.length = static_cast<int>(kLargeBlock) / format.runs;
  fit_runs(x, given.importance, format, runs);
  const auto scale_codes = [&](const float* scales, uint8_t* codes) {
    return given.importance
               ? fit_positive(scales, runs.weights, runs.count, format.most_scale, codes)
               : scale_codes_by_largest(scales, runs.count, format.most_scale, codes);
  };
  block.d = float_to_half(scale_codes(runs.scales, runs.scale_codes));
  block.dmin = float_to_half(scale_codes(runs.minima, runs.minimum_codes));
  const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
  for (int run = 0; run < runs.count; ++run) {
    const float scale = d * runs.scale_codes[run], minimum = dmin * runs.minimum_codes[run];
    if (scale == 0) continue;
    for (int i = run * runs.length; i < (run + 1) * runs.length; ++i) {
      const int code = nearest_integer((x[i] + minimum) / scale);
      runs.codes[i] = static_cast<uint8_t>(std::max(0, std::min(format.most, code)));
    }
  }
}

void quantize(const float* x, const Given& given, BlockQ2_K& block) {
  Runs runs;
  quantize_affine(x, given, {16, 3, 15, {-0.5f, 0.1f, 15}, true}, block, runs);
  for (int i = 0; i < 16; ++i) {
    block.scales[i] = static_cast<uint8_t>(runs.scale_codes[i] | runs.minimum_codes[i] << 4);
  }
  pack_quarters(runs.codes, 0, block.codes);
}

void quantize(const float* x, const Given& given, BlockQ4_K& block) {
  Runs runs;
  quantize_affine(x, given, {8, 15, 63, {-1.0f, 0.1f, 20}, false}, block, runs);
  pack_scales_and_minima(runs.scale_codes, runs.minimum_codes, block.scales);
  for (int i = 0; i < 4; ++i) pack_halves(runs.codes + 64 * i, 64, block.codes + 32 * i);
}

void quantize(const float* x, const Given& given, BlockQ5_K& block) {
  Runs runs;
  quantize_affine(x, given, {8, 31, 63, {-0.5f, 0.1f, 15}, false}, block, runs);
  pack_scales_and_minima(runs.scale_codes, runs.minimum_codes, block.scales);
  for (int i = 0; i < 4; ++i) pack_halves(runs.codes + 64 * i, 64, block.codes + 32 * i);
  pack_bit_planes(runs.codes, 4, block.high);
}

// Codes in [0, 2 levels) of what the scales became; a run without a scale keeps its codes.
void requantize_symmetric(const float* x, float d, const int* scales, int levels, Runs& runs) {
  for (int run = 0; run < runs.count; ++run) {
    const float scale = d * static_cast<float>(scales[run]);
    if (scale == 0) continue;
    for (int i = run * runs.length; i < (run + 1) * runs.length; ++i) {
      const int code = nearest_integer(x[i] / scale);
      runs.codes[i] = static_cast<uint8_t>(std::max(-levels, std::min(levels - 1, code)) + levels);
    }
  }
}

float largest_scale(const Runs& runs) {
  float most = 0, scale = 0;
  for (int run = 0; run < runs.count; ++run) {
    if (std::fabs(runs.scales[run]) > most) {
      most = std::fabs(runs.scales[run]);
      scale = runs.scales[run];
    }
  }
  return scale;
}

// Q3_K: the codes of the scales, 32 more than they stand for.
float q3_scales(const float* x, const Given& given, Runs& runs) {
  if (given.importance) {
    const float variance = 2 * mean_square(x, kLargeBlock);
    for (int run = 0; run < 16; ++run) {
      float weights[16];
      weigh(x + 16 * run, given.importance + 16 * run, variance, 16, weights);
      runs.weights[run] = sum_of(weights, 16);
      runs.scales[run] = fit_symmetric(x + 16 * run, weights, 16, 4, runs.codes + 16 * run);
    }
    return fit_symmetric(runs.scales, runs.weights, 16, 32, runs.scale_codes);
  }
  for (int run = 0; run < 16; ++run) {
    runs.scales[run] = fit_symmetric_in_turn(x + 16 * run, 16, 4, runs.codes + 16 * run);
  }
  const float largest = largest_scale(runs);
  std::fill(runs.scale_codes, runs.scale_codes + 16, uint8_t{0});
  if (largest == 0) return 0.0f;
  const float inverse = -32.0f / largest;
  for (int run = 0; run < 16; ++run) {
    const auto code = static_cast<int8_t>(nearest_integer(inverse * runs.scales[run]));
    runs.scale_codes[run] = static_cast<uint8_t>(std::max(-32, std::min(31, int{code})) + 32);
  }
  return 1 / inverse;
}

void quantize(const float* x, const Given& given, BlockQ3_K& block) {
  Runs runs;
  runs.count = 16;
  runs.length = 16;
  block.d = float_to_half(q3_scales(x, given, runs));
  int scales[16];
  for (int run = 0; run < 16; ++run) scales[run] = runs.scale_codes[run] - 32;
  requantize_symmetric(x, half_to_float(block.d), scales, 4, runs);
  pack_scales(runs.scale_codes, block.scales);
  pack_bit_planes(runs.codes, 2, block.high);
  pack_quarters(runs.codes, 0, block.codes);
}

void quantize(const float* x, const Given& given, BlockQ6_K& block) {
  Runs runs;
  runs.count = 16;
  runs.length = 16;
  for (int run = 0; run < 16; ++run) {
    const float* importance = given.importance ? given.importance + 16 * run : nullptr;
    runs.scales[run] = fit_symmetric(x + 16 * run, importance, 16, 32, runs.codes + 16 * run);
  }
  const float largest = largest_scale(runs);
  if (std::fabs(largest) < 1e-15f) {
    std::memset(&block, 0, sizeof(block));
    return;
  }
  const float inverse = -128.0f / largest;
  block.d = float_to_half(1 / inverse);
  int scales[16];
  for (int run = 0; run < 16; ++run) {
    const int code = std::min(127, nearest_integer(inverse * runs.scales[run]));
    block.scales[run] = static_cast<int8_t>(code);
    scales[run] = block.scales[run];
  }
  requantize_symmetric(x, half_to_float(block.d), scales, 32, runs);
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 64; ++i) {
      const uint8_t* codes = runs.codes + 128 * half + i;
      block.low[64 * half + i] = static_cast<uint8_t>((codes[0] & 15) | (codes[64] & 15) << 4);
    }
  }
  pack_quarters(runs.codes, 4, block.high);
}

void quantize(const float* x, const Given& given, BlockIQ4_XS& block) {
  const float variance = 2 * mean_square(x, kLargeBlock);
  Runs runs;
  runs.count = 8;
  runs.length = 32;
  for (int run = 0; run < 8; ++run) {
    const float* part = x + 32 * run;
    float weights[32];
    if (given.importance) {
      weigh(part, given.importance + 32 * run, variance, 32, weights);
    } else {
      for (int i = 0; i < 32; ++i) weights[i] = part[i] * part[i];
    }
    runs.scales[run] = fit_iq4(part, weights, 32);
  }
  const float d = -largest_scale(runs) / 32, inverse = d != 0 ? 1 / d : 0.0f;
  block.d = float_to_half(d);
  block.scales_high = 0;
  for (int run = 0; run < 8; ++run) {
    const int code = std::max(-32, std::min(31, nearest_integer(inverse * runs.scales[run])));
    const float scale = d * static_cast<float>(code), one = scale != 0 ? 1 / scale : 0.0f;
    for (int i = 32 * run; i < 32 * (run + 1); ++i) {
      runs.codes[i] = static_cast<uint8_t>(nearest_iq4(one * x[i]));
    }
    runs.scale_codes[run] = static_cast<uint8_t>(code + 32);
    block.scales_high |= static_cast<uint16_t>(runs.scale_codes[run] >> 4 << 2 * run);
    pack_halves(runs.codes + 32 * run, 32, block.codes + 16 * run);
  }
  for (int i = 0; i < 4; ++i) {
    block.scales_low[i] = static_cast<uint8_t>((runs.scale_codes[2 * i] & 15) |
                                               (runs.scale_codes[2 * i + 1] & 15) << 4);
  }
}

// ---- rows ------------------------------------------------------------------------------------------

bool is_finite(uint16_t half) { return (half & 0x7c00u) != 0x7c00u; }

template <class Block>
bool has_finite_scales(const Block& block) {
  if constexpr (requires { block.dmin; }) return is_finite(block.d) && is_finite(block.dmin);
  if constexpr (requires { block.m; }) return is_finite(block.d) && is_finite(block.m);
  if constexpr (requires { block.d; }) return is_finite(block.d);
  return true;
}

}  // namespace

bool quantize_row(QuantFormat format, const float* x, const float* importance, int64_t columns,
                  uint8_t* out) {
  const int64_t elements = block_elements(format);
  const float square = importance ? mean_square(x, columns) : 0.0f;
  bool holds = true;
  with_block(format, [&](auto block) {
    for (int64_t c = 0; c < columns; c += elements, out += sizeof(block)) {
      quantize(x + c, {importance ? importance + c : nullptr, square}, block);
      holds = holds && has_finite_scales(block);
      std::memcpy(out, &block, sizeof(block));
    }
  });
  return holds;
}

}  // namespace llft::cpu

// Layout and error bound: fixed_point_rows.h.
#include "cpu/kernels/fixed_point_rows.h"

#include <cmath>
#include <cstring>
#include <new>

namespace llft::cpu::LLFT_ISA {

#if !LLFT_HAS_CODE_LANES

FixedPointRows::FixedPointRows(const GemmSegment&, int64_t) {}

#else

namespace {

constexpr int kLargest = 13;  // exponent of the largest magnitude of a block

// Largest magnitude of 64 bfloat16, as the exponent bits of a float32.
static inline uint32_t exponent_of(const uint16_t* x) {
  uint16_t largest = 0;
  for (int i = 0; i < kCodeBlock; ++i) {
    const uint16_t magnitude = x[i] & 0x7fff;
    if (magnitude > largest) largest = magnitude;
  }
  return largest >> 7;
}

static inline float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// 64 values of x to whole numbers; returns what one of them stands for.
static float to_fixed_point(const uint16_t* x, int16_t* out) {
  constexpr uint32_t kBias = 127, kInfinite = 255;
  const uint32_t exponent = exponent_of(x);
  const bool is_infinite = exponent == kInfinite;
  if (is_infinite || exponent <= kLargest) {  // or below 2^-113
    memset(out, 0, kCodeBlock * sizeof(int16_t));
    return is_infinite ? NAN : 0;
  }
  const float factor = float_of((2 * kBias + kLargest - exponent) << 23);
  for (int i = 0; i < kCodeBlock; ++i) {
    out[i] = static_cast<int16_t>(__builtin_rintf(gemm_widen(x[i]) * factor));
  }
  return float_of((exponent - kLargest) << 23);
}

}  // namespace

FixedPointRows::FixedPointRows(const GemmSegment& segment, int64_t m) {
  const bool four_bit = is_four_bit(segment.quantized);
  const int64_t groups = (segment.k + kCodeGroup - 1) / kCodeGroup;
  padded_ = groups * kCodeGroup;
  const int64_t blocks = padded_ / kCodeBlock;
  scales_per_row_ = (blocks + kGemmLanes - 1) / kGemmLanes * kGemmLanes;
  const float unit = four_bit ? 1 / kCodebookScale : 1;
  const auto line = [](int64_t bytes) { return static_cast<size_t>((bytes + 63) / 64 * 64); };
  const size_t value_bytes = line(m * padded_ * 2);
  memory_.reset(
      static_cast<char*>(std::aligned_alloc(64, value_bytes + line(m * scales_per_row_ * 4))));
  if (!memory_) throw std::bad_alloc();
  values_ = reinterpret_cast<int16_t*>(memory_.get());
  scales_ = reinterpret_cast<float*>(memory_.get() + value_bytes);
  for (int64_t row = 0; row < m; ++row) {
    const auto* x = static_cast<const uint16_t*>(segment.a) + row * segment.lda;
    int16_t* values = values_ + row * padded_;
    float* scales = scales_ + row * scales_per_row_;
    for (int64_t b = 0; b < blocks; ++b) {
      uint16_t padded[kCodeBlock] = {};
      const int64_t left = segment.k - b * kCodeBlock;
      if (left > 0 && left < kCodeBlock) {
        memcpy(padded, x + b * kCodeBlock, static_cast<size_t>(left) * sizeof(*x));
      }
      const uint16_t* block = left < kCodeBlock ? padded : x + b * kCodeBlock;
      scales[b] = unit * to_fixed_point(block, values + b * kCodeBlock);
    }
    for (int64_t b = blocks; b < scales_per_row_; ++b) scales[b] = 0;
    if (!four_bit) continue;
    for (int64_t g = 0; g < groups; ++g) {
      int16_t group[kCodeGroup];
      memcpy(group, values + g * kCodeGroup, sizeof(group));
      order_as_codes(group, values + g * kCodeGroup);
    }
  }
}
#endif

}  // namespace llft::cpu::LLFT_ISA

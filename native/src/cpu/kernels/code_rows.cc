// Layout and error bound: code_rows.h.
#include "cpu/kernels/code_rows.h"

#include <cmath>
#include <cstring>
#include <new>
#include <type_traits>

namespace llft::cpu::LLFT_ISA {

#if !LLFT_HAS_CODE_LANES

template <class Value>
CodeRows<Value>::CodeRows(const GemmSegment&, int64_t) {}

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
static float prepare_block(const uint16_t* x, int16_t* out) {
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

static float prepare_block(const float* x, float* out) {
  memcpy(out, x, kCodeBlock * sizeof(float));
  return 1;
}

static inline int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

template <class Value>
CodeRows<Value>::CodeRows(const GemmSegment& segment, int64_t m) {
  using Stored = std::conditional_t<std::is_same_v<Value, float>, float, uint16_t>;
  const bool four_bit = is_four_bit(segment.quantized);
  padded_ = round_up(segment.k, kCodeGroup);
  const int64_t blocks = padded_ / kCodeBlock;
  scales_per_row_ = round_up(blocks, kGemmLanes);
  const float of_code = four_bit ? LookUp<Value>::kUnit : 1;
  const auto value_bytes = static_cast<size_t>(round_up(m * padded_ * int64_t{sizeof(Value)}, 64));
  const auto scale_bytes = static_cast<size_t>(round_up(m * scales_per_row_ * 4, 64));
  memory_.reset(static_cast<char*>(std::aligned_alloc(64, value_bytes + scale_bytes)));
  if (!memory_) throw std::bad_alloc();
  values_ = reinterpret_cast<Value*>(memory_.get());
  scales_ = reinterpret_cast<float*>(memory_.get() + value_bytes);
  for (int64_t row = 0; row < m; ++row) {
    const auto* x = static_cast<const Stored*>(segment.a) + row * segment.lda;
    Value* values = values_ + row * padded_;
    float* scales = scales_ + row * scales_per_row_;
    for (int64_t b = 0; b < blocks; ++b) {
      Stored padded[kCodeBlock] = {};
      const int64_t left = segment.k - b * kCodeBlock;
      if (left > 0 && left < kCodeBlock) {
        memcpy(padded, x + b * kCodeBlock, static_cast<size_t>(left) * sizeof(Stored));
      }
      const Stored* block = left < kCodeBlock ? padded : x + b * kCodeBlock;
      scales[b] = of_code * prepare_block(block, values + b * kCodeBlock);
    }
    for (int64_t b = blocks; b < scales_per_row_; ++b) scales[b] = 0;
    if (!four_bit) continue;
    for (Value* group = values; group < values + padded_; group += kCodeGroup) {
      Value unordered[kCodeGroup];
      memcpy(unordered, group, sizeof(unordered));
      order_as_codes(unordered, group);
    }
  }
}
#endif

template class CodeRows<int16_t>;
template class CodeRows<float>;

}  // namespace llft::cpu::LLFT_ISA

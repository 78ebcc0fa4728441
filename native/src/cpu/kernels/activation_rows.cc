// Layout and error bound: activation_rows.h.
#include "cpu/kernels/activation_rows.h"

#include <cstring>
#include <new>

#include "cpu/kernels/fixed_point.h"

namespace llft::cpu::LLFT_ISA {

#if !LLFT_HAS_CODE_LANES

template <class Value>
ActivationRows<Value>::ActivationRows(const GemmTerm&, int64_t, DType) {}

#else

namespace {

// 64 values that share a scale, zeros where there are fewer; returns the scale.
template <class Stored>
static float prepare_block(const Stored* x, int64_t count, int16_t* out) {
  return to_fixed(x, count, out);
}
static float prepare_block(const float* x, int64_t count, float* out) {
  const int64_t present = count < 0 ? 0 : count < kCodeBlock ? count : kCodeBlock;
  memset(out + present, 0, static_cast<size_t>(kCodeBlock - present) * sizeof(float));
  memcpy(out, x, static_cast<size_t>(present) * sizeof(float));
  return 1;
}

static inline int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

template <class Value>
ActivationRows<Value>::ActivationRows(const GemmTerm& term, int64_t m, DType stored) {
  padded_ = round_up(term.k, kCodeGroup);
  scales_per_row_ = round_up(padded_ / kCodeBlock, kLanes);
  const auto value_bytes = static_cast<size_t>(round_up(m * padded_ * int64_t{sizeof(Value)}, 64));
  const auto scale_bytes = static_cast<size_t>(round_up(m * scales_per_row_ * 4, 64));
  memory_.reset(static_cast<char*>(std::aligned_alloc(64, value_bytes + scale_bytes)));
  if (!memory_) throw std::bad_alloc();
  values_ = reinterpret_cast<Value*>(memory_.get());
  scales_ = reinterpret_cast<float*>(memory_.get() + value_bytes);
  for (int64_t row = 0; row < m; ++row) {
    if constexpr (sizeof(Value) == sizeof(int16_t)) {
      if (stored == DType::BF16) {
        fill<uint16_t>(term, row);
        continue;
      }
    }
    fill<float>(term, row);
  }
}

template <class Value>
template <class Stored>
void ActivationRows<Value>::fill(const GemmTerm& term, int64_t row) {
  const bool four_bit = is_four_bit(term.quantized);
  const float of_code = four_bit ? LookUp<Value>::kUnit : 1;
  const auto* x = static_cast<const Stored*>(term.a) + row * term.lda;
  Value* values = values_ + row * padded_;
  float* scales = scales_ + row * scales_per_row_;
  const int64_t blocks = padded_ / kCodeBlock;
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t k = b * kCodeBlock;
    scales[b] = of_code * prepare_block(x + k, term.k - k, values + k);
  }
  for (int64_t b = blocks; b < scales_per_row_; ++b) scales[b] = 0;
  if (!four_bit) return;
  for (Value* group = values; group < values + padded_; group += kCodeGroup) {
    Value unordered[kCodeGroup];
    memcpy(unordered, group, sizeof(unordered));
    order_as_codes(unordered, group);
  }
}
#endif

template class ActivationRows<int16_t>;
template class ActivationRows<float>;

}  // namespace llft::cpu::LLFT_ISA

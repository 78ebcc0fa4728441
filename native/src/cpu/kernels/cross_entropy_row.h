// One row of the cross entropy, shared by the op on logits and the one fused with the
// language-model head.
#pragma once

#include <cmath>
#include <cstdio>
#include <type_traits>

#include "core/kernels/cross_entropy.h"
#include "cpu/kernel_error.h"
#include "cpu/simd/vec.h"

namespace llft::cpu::LLFT_ISA {

static inline void check_label(const char* op, int32_t label, int64_t row, int64_t vocabulary) {
  if (label == kIgnoredLabel || (label >= 0 && label < vocabulary)) return;
  char name[48];
  snprintf(name, sizeof(name), "labels[%lld], unless -100,", static_cast<long long>(row));
  fail_index(op, name, label, vocabulary);
}

template <class T>
static inline float row_max(const T* z, int64_t columns) {
  simd::F32 top = simd::splat(-INFINITY);
  simd::for_vectors(columns, [&](int64_t i, auto lanes) {
    simd::F32 x = simd::load(z + i, lanes);
    if constexpr (std::is_same_v<decltype(lanes), simd::Tail>)
      x = simd::select(simd::lanes_below(lanes.count), x, top);
    top = simd::max(x, top);
  });
  return simd::reduce_max(top);
}

struct RowSum {
  float top;  // the largest logit
  float sum;  // of exp(z - top)
  double log_sum() const { return static_cast<double>(top) + std::log(static_cast<double>(sum)); }
};

// Lanes of the sums over a row, on every instruction set.
inline constexpr int64_t kSumLanes = 16;

// What a row is to be: label_share at its label, share at every other column. No smoothing: 1, 0.
struct RowTarget {
  float share;
  float label_share;
  RowTarget(double smoothing, int64_t columns)
      : share(static_cast<float>(smoothing / static_cast<double>(columns))),
        label_share(
            static_cast<float>(1.0 - smoothing + smoothing / static_cast<double>(columns))) {}
};

// Sum over the columns of term(i, lanes), in kSumLanes float32 lanes in ascending order.
template <class Term>
static inline __attribute__((always_inline)) float sum_in_lanes(int64_t columns, const Term& term) {
  constexpr int64_t kVectors = kSumLanes / simd::kLanes;
  simd::F32 sums[kVectors] = {};
  for (int64_t begin = 0; begin < columns; begin += kSumLanes) {
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) {
      const int64_t at = begin + v * simd::kLanes;
      const int64_t count = columns - at < simd::kLanes ? columns - at : simd::kLanes;
      simd::for_vectors(count, [&](int64_t, auto lanes) { sums[v] += term(at, lanes); });
    }
  }
  for (int64_t half = kVectors / 2; half > 0; half /= 2) {
    for (int64_t v = 0; v < half; ++v) sums[v] += sums[v + half];
  }
  return simd::reduce_add(sums[0]);
}

// The sum runs in 16 float32 lanes over the whole row, in ascending order: what torch.log_softmax
// does on AVX-512. A more exact sum would differ from it: over 49152 columns its terms that vanish
// beside a large sum cost 1e-5 of it, and every gradient behind the loss shows that.
// `keep` (may be z itself) receives exp(z - top); null: nobody needs it.
template <class T>
static inline RowSum row_sum(const T* z, int64_t columns, float* keep) {
  const float top = row_max(z, columns);
  const float sum = sum_in_lanes(columns, [&](int64_t at, auto lanes) {
    simd::F32 e = simd::exp(simd::load(z + at, lanes) - top);
    if constexpr (std::is_same_v<decltype(lanes), simd::Tail>)
      e = simd::select(simd::lanes_below(lanes.count), e, simd::F32{});
    if (keep) simd::store(keep + at, e, lanes);
    return e;
  });
  return {top, sum};
}

// Blocks keep the error of the mean of a hundred thousand logits at that of a thousand.
template <class T>
static inline double row_mean(const T* z, int64_t columns) {
  constexpr int64_t kBlock = 1024;
  double total = 0.0;
  for (int64_t begin = 0; begin < columns; begin += kBlock) {
    const int64_t count = columns - begin < kBlock ? columns - begin : kBlock;
    total += static_cast<double>(sum_in_lanes(
        count, [&](int64_t at, auto lanes) { return simd::load(z + begin + at, lanes); }));
  }
  return total / static_cast<double>(columns);
}

// What is taken from the logarithm of a row's sum: its logits, weighed by what they are to be.
template <class T>
static inline double target_logit(const T* z, int32_t label, int64_t columns, double smoothing) {
  const double at_label = static_cast<double>(simd::to_float(z[label]));
  if (smoothing == 0.0) return at_label;
  return (1.0 - smoothing) * at_label + smoothing * row_mean(z, columns);
}

}  // namespace llft::cpu::LLFT_ISA

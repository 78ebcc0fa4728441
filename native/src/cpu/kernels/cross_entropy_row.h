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

// Lanes of the sum of exponentials, on every instruction set.
inline constexpr int64_t kSumLanes = 16;

// The sum runs in 16 float32 lanes over the whole row, in ascending order: what torch.log_softmax
// does on AVX-512. A more exact sum would differ from it: over 49152 columns its terms that vanish
// beside a large sum cost 1e-5 of it, and every gradient behind the loss shows that.
// `keep` (may be z itself) receives exp(z - top); null: nobody needs it.
template <class T>
static inline RowSum row_sum(const T* z, int64_t columns, float* keep) {
  constexpr int64_t kVectors = kSumLanes / simd::kLanes;
  const float top = row_max(z, columns);
  simd::F32 sums[kVectors] = {};
  for (int64_t begin = 0; begin < columns; begin += kSumLanes) {
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) {
      const int64_t at = begin + v * simd::kLanes;
      const int64_t count = columns - at < simd::kLanes ? columns - at : simd::kLanes;
      simd::for_vectors(count, [&](int64_t, auto lanes) {
        simd::F32 e = simd::exp(simd::load(z + at, lanes) - top);
        if constexpr (std::is_same_v<decltype(lanes), simd::Tail>)
          e = simd::select(simd::lanes_below(lanes.count), e, simd::F32{});
        sums[v] += e;
        if (keep) simd::store(keep + at, e, lanes);
      });
    }
  }
  for (int64_t half = kVectors / 2; half > 0; half /= 2) {
    for (int64_t v = 0; v < half; ++v) sums[v] += sums[v + half];
  }
  return {top, simd::reduce_add(sums[0])};
}

}  // namespace llft::cpu::LLFT_ISA

// One row of the cross entropy, shared by the op on logits and the one fused with the
// language-model head.
#pragma once

#include <cmath>
#include <cstdio>
#include <type_traits>

#include "cpu/kernel_error.h"
#include "cpu/kernels/cross_entropy.h"
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
  float top;   // the largest logit
  double sum;  // of exp(z - top)
  double log_sum() const { return static_cast<double>(top) + std::log(sum); }
};

// `keep` (may be z itself) receives exp(z - top); null: nobody needs it.
template <class T>
static inline RowSum row_sum(const T* z, int64_t columns, float* keep) {
  constexpr int64_t kBlock = 1024;
  RowSum row{row_max(z, columns), 0.0};
  for (int64_t begin = 0; begin < columns; begin += kBlock) {
    const int64_t count = columns - begin < kBlock ? columns - begin : kBlock;
    simd::F32 sum = {};
    simd::for_vectors(count, [&](int64_t i, auto lanes) {
      simd::F32 e = simd::exp(simd::load(z + begin + i, lanes) - row.top);
      if constexpr (std::is_same_v<decltype(lanes), simd::Tail>)
        e = simd::select(simd::lanes_below(lanes.count), e, simd::F32{});
      sum += e;
      if (keep) simd::store(keep + begin + i, e, lanes);
    });
    row.sum += static_cast<double>(simd::reduce_add(sum));
  }
  return row;
}

}  // namespace llft::cpu::LLFT_ISA

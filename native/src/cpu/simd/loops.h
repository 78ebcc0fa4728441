// The loops that the simple kernels are made of: over elements, over rows of sums, and the choice
// of the element type.
#pragma once

#include "cpu/simd/vec.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA::simd {

// Elements that one task handles: enough to repay handing it over, few enough to share a small
// tensor.
inline constexpr int64_t kElementGrain = 32768;

// Rows of `columns` elements that one task handles.
static inline int64_t row_grain(int64_t columns) {
  const int64_t rows = kElementGrain / (columns > 0 ? columns : 1);
  return rows > 0 ? rows : 1;
}

template <class T>
struct TypeOf {
  using type = T;
};

// body(TypeOf<T>{}) with the C++ type of an activation: float or bf16.
template <class Body>
static inline void with_act(DType dtype, const Body& body) {
  if (dtype == DType::BF16) {
    body(TypeOf<bf16>{});
  } else {
    body(TypeOf<float>{});
  }
}

// with_act for several operands: body(TypeOf<T>{}, ...) with one type for each of `dtypes`.
template <class Body>
static inline void with_acts(const Body& body) {
  body();
}
template <class Body, class... DTypes>
static inline void with_acts(const Body& body, DType first, DTypes... others) {
  with_act(first,
           [&](auto tag) { with_acts([&](auto... tags) { body(tag, tags...); }, others...); });
}

// The type that a TypeOf names.
template <class Tag>
using ActOf = typename Tag::type;

// body(i, lanes) for each vector of [0, n), on all threads.
template <class Body>
static inline void elementwise(ThreadPool& pool, int64_t n, const Body& body) {
  parallel_for(pool, n, kElementGrain, [&](int64_t begin, int64_t end) {
    for_vectors(end - begin, [&](int64_t i, auto lanes) { body(begin + i, lanes); });
  });
}

// Sum of term(i, lanes) over the vectors of [0, n), in four interleaved chains: of n elements none
// passes more than n / (4 kLanes) + 3 additions along its chain and 2 + log2(kLanes) after it.
// Lanes behind a tail must be 0.
template <class Term>
static inline float sum_vectors(int64_t n, const Term& term) {
  F32 sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    sums[0] += term(i, Full{});
    sums[1] += term(i + kLanes, Full{});
    sums[2] += term(i + 2 * kLanes, Full{});
    sums[3] += term(i + 3 * kLanes, Full{});
  }
  for_vectors(n - i, [&](int64_t j, auto lanes) { sums[0] += term(i + j, lanes); });
  return reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace llft::cpu::LLFT_ISA::simd

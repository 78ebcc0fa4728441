// ids[b] = argmax of row b (the lowest id among equals) where temperature is 0; else an id drawn
// with probability proportional to w[i] = e^((logit[i] - max) / temperature) over the ids that are
// left after, in this order,
//   top-k  ids whose logit is at least the k-th largest (all that equal it stay);
//   top-p  the fewest ids, by descending logit and then ascending id, whose weights add up to at
//   least top_p of all; min-p  ids whose weight is at least min_p times the largest.
// The draw: u in [0, 1) from the first two words of Philox block `step` of the sequence of
// seeds[b], 53 bits; the id is the first, in ascending order, at which the running sum of weights
// exceeds u times their sum.
//
// Layout: row-major, see sample.h; overwrites ids. Arithmetic: weights in float32 (2 units in the
// last place and the rounding of their argument), sums in double. A row with NaN, an infinite
// maximum or no finite logit is an error. Bytes: the logits twice, weights about three times. One
// task per row. Source: the logits processors of transformers (temperature, top-k, top-p, min-p),
// core/rng.h.
#include "core/kernels/sample.h"

#include <algorithm>
#include <vector>

#include "core/rng.h"
#include "cpu/kernel_error.h"
#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

// Of this file alone, so that no library template is compiled for another instruction set under the
// same name.
struct Candidate {
  float logit;
  int32_t id;
};
struct Before {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  }
};
using Candidates = std::vector<Candidate>;

// The largest of n > 0 logits; an error unless it is finite and no logit is NaN.
template <class T>
static inline float max_logit(const T* logits, int64_t n) {
  F32 largest = splat(-__builtin_inff());
  I32 unordered = {};
  for_vectors(n, [&](int64_t i, auto lanes) {
    F32 x = load(logits + i, lanes);
    if (lanes.count < kLanes) x = select(lanes_below(lanes.count), x, largest);
    unordered |= x != x;
    largest = max(largest, x);
  });
  const float result = reduce_max(largest);
  bool bad = !(result > -__builtin_inff() && result < __builtin_inff());
  for (int i = 0; i < kLanes; ++i) bad = bad || unordered[i];
  if (bad) {
    fail_value("sample", "logits must hold no NaN and their largest must be finite",
               "a row that breaks this: the weights of the model or of its adapter are not finite");
  }
  return result;
}

template <class T>
static inline int32_t first_at_least(const T* logits, float value) {
  int32_t id = 0;
  while (to_float(logits[id]) < value) ++id;
  return id;
}

// Keeps the weights of ids whose logit is at least the k-th largest.
template <class T>
static inline void keep_top_k(const T* logits, int64_t n, int64_t k, float* weights) {
  Candidates order(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    order[static_cast<size_t>(i)] = {to_float(logits[i]), static_cast<int32_t>(i)};
  std::nth_element(order.begin(), order.begin() + (k - 1), order.end(), Before());
  const float least = order[static_cast<size_t>(k - 1)].logit;
  for_vectors(n, [=](int64_t i, auto lanes) {
    store(weights + i, select(load(logits + i, lanes) >= least, load(weights + i, lanes), F32{}),
          lanes);
  });
}

static inline double sum_of(const float* weights, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += weights[i];
  return sum;
}

// How many of the candidates, by rank, reach `wanted`; sorts no more of them than it needs.
static inline size_t count_reaching(Candidates& order, const float* weights, double wanted) {
  double sum = 0;
  size_t sorted = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == sorted) {
      sorted = std::min(order.size(), sorted ? 4 * sorted : size_t{64});
      const auto begin = order.begin() + static_cast<int64_t>(i);
      const auto end = order.begin() + static_cast<int64_t>(sorted);
      if (end != order.end()) std::nth_element(begin, end, order.end(), Before());
      std::sort(begin, end, Before());
    }
    if (i > 0 && sum >= wanted) return i;
    sum += weights[order[i].id];
  }
  return order.size();
}

template <class T>
static inline void keep_top_p(const T* logits, int64_t n, double p, float* weights) {
  Candidates order;
  order.reserve(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    if (weights[i] > 0) order.push_back({to_float(logits[i]), static_cast<int32_t>(i)});
  }
  const size_t kept = count_reaching(order, weights, p * sum_of(weights, n));
  for (size_t i = kept; i < order.size(); ++i) weights[order[i].id] = 0;
}

static inline int32_t draw(const float* weights, int64_t n, uint64_t seed, uint64_t step) {
  const Philox::Block bits = Philox::block(seed, step);
  const double u =
      (static_cast<double>(bits[0] >> 5) * 0x1p26 + static_cast<double>(bits[1] >> 6)) * 0x1p-53;
  const double wanted = u * sum_of(weights, n);
  double sum = 0;
  int32_t last = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (weights[i] <= 0) continue;
    sum += weights[i];
    last = static_cast<int32_t>(i);
    if (sum > wanted) break;
  }
  return last;
}

template <class T>
static inline int32_t sample_row(const SampleArgs& args, int64_t row) {
  const int64_t n = args.columns;
  const T* logits = static_cast<const T*>(args.logits) + row * n;
  const float largest = max_logit(logits, n);
  if (args.temperature == 0) return first_at_least(logits, largest);

  float* weights = args.weights + row * n;
  const float temperature = args.temperature, min_p = args.min_p;
  for_vectors(n, [=](int64_t i, auto lanes) {
    store(weights + i, exp((load(logits + i, lanes) - largest) / temperature), lanes);
  });
  if (args.top_k > 0 && args.top_k < n) keep_top_k(logits, n, args.top_k, weights);
  if (args.top_p < 1) keep_top_p(logits, n, args.top_p, weights);
  if (min_p > 0) {
    for_vectors(n, [=](int64_t i, auto lanes) {  // the largest weight is 1
      const F32 weight = load(weights + i, lanes);
      store(weights + i, select(weight >= min_p, weight, F32{}), lanes);
    });
  }
  return draw(weights, n, static_cast<uint64_t>(args.seeds[static_cast<size_t>(row)]),
              static_cast<uint64_t>(args.step));
}

}  // namespace

void sample(const SampleArgs& args, ThreadPool& pool) {
  with_act(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(pool, args.rows, 1, [&args](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) args.ids[row] = sample_row<T>(args, row);
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA

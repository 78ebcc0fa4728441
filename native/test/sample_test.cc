// Sampling against a plain double-precision reference of the same definition, and against the
// probabilities it is to have. The reference draws from the same u: its id differs only where u
// falls within 1e-6 of a boundary between two ids, which the seeds below do not meet (the test
// would fail everywhere, not sometimes).
#include <numeric>

#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

struct Options {
  double temperature = 1;
  int64_t top_k = 0;
  double top_p = 1;
  double min_p = 0;
};

// Probabilities of the ids that are left, in the order temperature, top-k, top-p, min-p.
std::vector<double> probabilities(const std::vector<double>& logits, const Options& o) {
  const size_t n = logits.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  std::vector<double> p(n);
  const auto normalise = [&] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& value : p) value /= sum;
  };
  for (size_t i = 0; i < n; ++i) p[i] = std::exp((logits[i] - logits[order[0]]) / o.temperature);
  if (o.top_k > 0 && o.top_k < static_cast<int64_t>(n)) {
    const double least = logits[order[static_cast<size_t>(o.top_k - 1)]];
    for (size_t i = 0; i < n; ++i) p[i] = logits[i] < least ? 0 : p[i];
  }
  normalise();
  double before = 0;
  for (const size_t id : order) {
    const double own = p[id];
    if (before > 0 && before >= o.top_p) p[id] = 0;
    before += own;
  }
  normalise();
  const double least = o.min_p * p[order[0]];
  for (double& value : p) value = value < least ? 0 : value;
  normalise();
  return p;
}

int64_t reference_draw(const std::vector<double>& p, int64_t seed, int64_t step) {
  const auto bits = Philox::block(static_cast<uint64_t>(seed), static_cast<uint64_t>(step));
  const double u = ((bits[0] >> 5) * 0x1p26 + (bits[1] >> 6)) * 0x1p-53;
  double sum = 0;
  int64_t last = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0) continue;
    sum += p[i];
    last = static_cast<int64_t>(i);
    if (sum > u) break;
  }
  return last;
}

SampleArgs arguments(const Buffer& logits, int64_t columns, const Buffer& ids,
                     const Buffer& weights, const Options& o, std::vector<int64_t> seeds,
                     int64_t step) {
  return {logits.data(),
          ids.as<int32_t>(),
          weights.as<float>(),
          ids.size(),
          columns,
          logits.dtype(),
          static_cast<float>(o.temperature),
          o.top_k,
          o.top_p,
          static_cast<float>(o.min_p),
          std::move(seeds),
          step};
}

TEST_CASE("sample: temperature 0 takes the largest logit, the lowest id among equals") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const int64_t columns : tail_sizes()) {
      const int64_t rows = 4;
      Random random(static_cast<uint64_t>(columns));
      Buffer logits = Buffer::random(dtype, rows * columns, random, -5, -1);
      std::vector<double> expected;
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t a = random.below(columns), b = random.below(columns);
        logits.set(r * columns + a, -0.5);
        logits.set(r * columns + b, -0.5);
        expected.push_back(static_cast<double>(std::min(a, b)));
      }
      Buffer ids(DType::I32, rows), weights(DType::F32, 0);
      run_everywhere(
          {&ids},
          [&](const Kernels& kernels, ThreadPool& pool) {
            kernels.sample(arguments(logits, columns, ids, weights, {0}, {0, 0, 0, 0}, 0), pool);
          },
          [&] { CHECK(ids.values() == expected); });
    }
  }
}

TEST_CASE("sample: every combination of filters draws as the reference does") {
  const std::vector<Options> all = {{1},
                                    {0.7},
                                    {1, 5},
                                    {1, 1},
                                    {1, 0, 0.8},
                                    {1, 0, 1e-9},
                                    {1, 0, 1, 0.1},
                                    {1.3, 40, 0.9, 0.05},
                                    {0.5, 300, 0.95},
                                    {2, 0, 0.999}};
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const int64_t columns : {1, 6, 17, 257, 1000}) {
      for (size_t o = 0; o < all.size(); ++o) {
        CAPTURE(columns);
        CAPTURE(o);
        const int64_t rows = 5, step = 3 + static_cast<int64_t>(o);
        const std::vector<int64_t> seeds = {1, 2, -3, 1234567890123, 5};
        Random random(static_cast<uint64_t>(columns) + o);
        Buffer logits = Buffer::random(dtype, rows * columns, random, -4, 4);
        if (columns > 6) logits.set(2, -INFINITY);
        std::vector<double> expected;
        for (int64_t r = 0; r < rows; ++r) {
          std::vector<double> row;
          for (int64_t c = 0; c < columns; ++c) row.push_back(logits.at(r * columns + c));
          expected.push_back(static_cast<double>(
              reference_draw(probabilities(row, all[o]), seeds[static_cast<size_t>(r)], step)));
        }
        Buffer ids(DType::I32, rows), weights(DType::F32, rows * columns);
        run_everywhere(
            {&ids, &weights},
            [&](const Kernels& kernels, ThreadPool& pool) {
              kernels.sample(arguments(logits, columns, ids, weights, all[o], seeds, step), pool);
            },
            [&] { CHECK(ids.values() == expected); });
      }
    }
  }
}

TEST_CASE("sample: frequencies follow the probabilities") {
  const std::vector<double> logits = {0.3, -1, 2, 1.5, -4, 0};
  const Options o = {0.8, 4, 0.95, 0};
  const std::vector<double> p = probabilities(logits, o);
  const int64_t draws = 20000, columns = static_cast<int64_t>(logits.size());
  Buffer many(DType::F32, draws * columns), ids(DType::I32, draws),
      weights(DType::F32, draws * columns);
  std::vector<int64_t> seeds;
  for (int64_t r = 0; r < draws; ++r) {
    seeds.push_back(r);
    for (int64_t c = 0; c < columns; ++c) many.set(r * columns + c, logits[static_cast<size_t>(c)]);
  }
  cpu::available_kernels().front()->sample(arguments(many, columns, ids, weights, o, seeds, 0),
                                           pool_of(2));
  std::vector<double> counts(logits.size());
  for (const double id : ids.values()) counts[static_cast<size_t>(id)] += 1;
  for (size_t i = 0; i < p.size(); ++i) {
    // Five standard deviations of a binomial count; ids that were filtered out never come.
    CHECK(std::abs(counts[i] - p[i] * draws) <= 5 * std::sqrt(draws * p[i] * (1 - p[i])));
  }
}

TEST_CASE("sample: what is no distribution is an error, as are options out of range") {
  const Tensor logits = tensor_of(DType::F32, {1, 3}, {1, 3, 2});
  CHECK(values_of(ops::sample(logits, 0, 0, 1, 0, {7}, 0)) == std::vector<double>{1});
  CHECK(values_of(ops::sample(logits, 1, 1, 1, 0, {7}, 0)) == std::vector<double>{1});
  CHECK(values_of(ops::sample(logits, 1e-30, 0, 1, 0, {7}, 0)) == std::vector<double>{1});
  for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    const Tensor row = tensor_of(DType::BF16, {1, 3}, {1, bad, 2});
    check_throws(ErrorCode::Data, "sample: logits must hold no NaN",
                 [&] { values_of(ops::sample(row, 0, 0, 1, 0, {7}, 0)); });
  }
  const Tensor nothing = tensor_of(DType::F32, {1, 1}, {-INFINITY});
  check_throws(ErrorCode::Data, "sample: logits must hold no NaN",
               [&] { values_of(ops::sample(nothing, 1, 0, 1, 0, {7}, 0)); });
  check_throws(ErrorCode::Shape, "sample: there must be one seed per row of logits; got 2 seeds",
               [&] { ops::sample(logits, 1, 0, 1, 0, {7, 8}, 0); });
  check_throws(ErrorCode::Config, "sample: temperature must be",
               [&] { ops::sample(logits, -1, 0, 1, 0, {7}, 0); });
  check_throws(ErrorCode::Config, "sample: topK must not be negative; got -1",
               [&] { ops::sample(logits, 1, -1, 1, 0, {7}, 0); });
  check_throws(ErrorCode::Config, "sample: topP must be in (0, 1]",
               [&] { ops::sample(logits, 1, 0, 0, 0, {7}, 0); });
  check_throws(ErrorCode::Config, "sample: minP must be in [0, 1]",
               [&] { ops::sample(logits, 1, 0, 1, 2, {7}, 0); });
  check_throws(ErrorCode::Shape, "sample: logits must have at least one column", [&] {
    ops::sample(Tensor::empty(device(), DType::F32, {1, 0}), 1, 0, 1, 0, {7}, 0);
  });
}

}  // namespace
}  // namespace llft::test

// Dropout against the scalar Philox of core/rng.h: the mask exactly, the kept values within one
// rounding.
#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

bool kept(uint64_t seed, uint64_t offset, int64_t i, double p) {
  const uint64_t block = offset + static_cast<uint64_t>(16 * (i / 64) + i % 16);
  return Philox::uniform(Philox::block(seed, block)[static_cast<size_t>(i / 16 % 4)]) >= p;
}

TEST_CASE("dropout: the mask is that of the scalar generator") {
  const uint64_t seed = 0x123456789abcdef0;
  // The second offset makes the lower word of the counter overflow within the tensor.
  for (const uint64_t offset : {uint64_t{0}, uint64_t{0xfffffffa}, (uint64_t{7} << 32) + 12345}) {
    for (const DType dtype : {DType::F32, DType::BF16}) {
      std::vector<int64_t> sizes = tail_sizes();
      sizes.push_back(32768 + 64 + 3);
      for (const int64_t n : sizes) {
        CAPTURE(n);
        const double p = 0.3;
        Random random(1);
        const Buffer x = Buffer::random(dtype, n, random, 0.5, 1);
        const float factor = static_cast<float>(1 / (1 - p));
        std::vector<double> expected;
        for (int64_t i = 0; i < n; ++i)
          expected.push_back(kept(seed, offset, i, p) ? x.at(i) * factor : 0);
        Buffer y(dtype, n);
        const auto threshold = static_cast<uint32_t>(std::ceil(p * 0x1p24));
        run_everywhere(
            {&y},
            [&](const Kernels& kernels, ThreadPool& pool) {
              kernels.dropout({x.data(), y.data(), n, dtype, threshold, factor, seed, offset},
                              pool);
            },
            [&] {
              check_close(y.values(), expected, [&](int64_t i) {
                return expected[i] == 0
                           ? 1e-30
                           : stored(dtype, expected[i], kF32Unit * std::abs(expected[i]));
              });
            });
      }
    }
  }
}

TEST_CASE("dropout: rate, backward mask, extremes of p, errors") {
  const int64_t n = 100000;
  const Tensor ones = tensor_of(DType::F32, {n}, std::vector<double>(n, 1.0));
  for (const double p : {0.05, 0.5, 0.9}) {
    const auto y = values_of(ops::dropout(ones, p, 42, 0));
    const auto dropped = static_cast<double>(std::count(y.begin(), y.end(), 0.0));
    // Five standard deviations of a binomial count.
    CHECK(std::abs(dropped - p * n) <= 5 * std::sqrt(n * p * (1 - p)));
    CHECK(values_of(ops::dropout(ones, p, 42, 0)) == y);
    CHECK(values_of(ops::dropout(ones, p, 43, 0)) != y);
    CHECK(values_of(ops::dropout(ones, p, 42, n)) != y);
  }
  const Tensor x = tensor_of(DType::BF16, {5}, {1, 2, 3, 4, 5});
  CHECK(values_of(ops::dropout(x, 0, 1, 0)) == values_of(x));
  check_throws(ErrorCode::Config, "dropout: p must be in [0, 1); got 1",
               [&] { ops::dropout(x, 1, 1, 0); });
  check_throws(ErrorCode::Config, "dropout: p must be in [0, 1)",
               [&] { ops::dropout(x, -0.1, 1, 0); });
  check_throws(ErrorCode::Config, "dropout: p must be in [0, 1)",
               [&] { ops::dropout(x, NAN, 1, 0); });
}

}  // namespace
}  // namespace llft::test

// RMSNorm and its backward against double precision; the reference gradient against finite
// differences. Bounds: those derived in cpu/kernels/rms_norm.cc, u = 2^-24.
#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

constexpr double kEps = 1e-5;

// y of one row in double precision.
std::vector<double> norm_row(const std::vector<double>& x, const std::vector<double>& weight) {
  double squares = 0;
  for (const double value : x) squares += value * value;
  const double rstd = 1 / std::sqrt(squares / static_cast<double>(x.size()) + kEps);
  std::vector<double> y;
  for (size_t c = 0; c < x.size(); ++c) y.push_back(x[c] * rstd * weight[c]);
  return y;
}

struct RowGradient {
  std::vector<double> dx, dweight, bound;
};

// The bound is that of dx before it is stored.
RowGradient norm_row_backward(const std::vector<double>& dy, const std::vector<double>& x,
                              const std::vector<double>& weight, double rstd) {
  const auto n = static_cast<double>(x.size());
  double dot = 0, magnitude = 0;
  for (size_t c = 0; c < x.size(); ++c) {
    dot += dy[c] * weight[c] * x[c];
    magnitude += std::abs(dy[c] * weight[c] * x[c]);
  }
  RowGradient result;
  for (size_t c = 0; c < x.size(); ++c) {
    const double g = dy[c] * weight[c];
    result.dx.push_back(rstd * (g - x[c] * rstd * rstd * dot / n));
    result.dweight.push_back(dy[c] * x[c] * rstd);
    result.bound.push_back(
        kF32Unit * rstd *
        (4 * std::abs(g) + std::abs(x[c]) * rstd * rstd * magnitude / n * (n / 16 + 18)));
  }
  return result;
}

std::vector<double> row_of(const Buffer& buffer, int64_t row, int64_t columns) {
  std::vector<double> values;
  for (int64_t c = 0; c < columns; ++c) values.push_back(buffer.at(row * columns + c));
  return values;
}

// `stream` is the type of the residual, and in backward that of what was normalised.
struct Case {
  int64_t rows, columns;
  DType dtype, stream, weight_dtype;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int64_t columns : tail_sizes())
    all.push_back({3, columns, DType::F32, DType::F32, DType::F32});
  for (const int64_t columns : tail_sizes()) {
    all.push_back({3, columns, DType::BF16, DType::F32, DType::BF16});
  }
  all.push_back({70, 576, DType::F32, DType::F32, DType::F32});
  all.push_back({70, 576, DType::BF16, DType::BF16, DType::F32});
  all.push_back({33, 300, DType::F32, DType::BF16, DType::BF16});
  return all;
}

void check_forward(const Case& c, bool with_residual) {
  Random random(3);
  const int64_t n = c.rows * c.columns;
  const Buffer x = Buffer::random(c.dtype, n, random, -3, 3),
               residual = Buffer::random(c.stream, n, random, -3, 3);
  const Buffer weight = Buffer::random(c.weight_dtype, c.columns, random, 0.2, 2);
  Buffer sum(DType::F32, n), expected_sum(DType::F32, x.values());
  for (int64_t i = 0; with_residual && i < n; ++i) {
    expected_sum.set(i, static_cast<float>(x.at(i)) + static_cast<float>(residual.at(i)));
  }
  std::vector<double> expected;
  for (int64_t r = 0; r < c.rows; ++r) {
    for (const double value : norm_row(row_of(expected_sum, r, c.columns), weight.values()))
      expected.push_back(value);
  }
  Buffer y(c.dtype, n), rstd(DType::F32, c.rows);
  run_everywhere(
      {&y, &sum, &rstd},
      [&](const Kernels& kernels, ThreadPool& pool) {
        kernels.rms_norm(
            {x.data(), with_residual ? residual.data() : nullptr, weight.data(), y.data(),
             with_residual ? sum.as<float>() : nullptr, rstd.as<float>(), c.rows, c.columns,
             c.dtype, c.stream, c.weight_dtype, static_cast<float>(kEps)},
            pool);
      },
      [&] {
        if (with_residual) CHECK(sum.values() == expected_sum.values());
        const double factor = (static_cast<double>(c.columns) / 16 + 10) / 2 + 5;
        check_close(y.values(), expected, [&](int64_t i) {
          return stored(c.dtype, expected[i], factor * kF32Unit * std::abs(expected[i]));
        });
      });
}

void check_backward(const Case& c, bool with_dsum, bool with_dweight) {
  Random random(4);
  const int64_t n = c.rows * c.columns, blocks = column_sum_blocks(c.rows);
  const DType dx_dtype = with_dsum ? DType::F32 : c.stream;
  const Buffer x = Buffer::random(c.stream, n, random, -3, 3),
               dy = Buffer::random(c.dtype, n, random);
  const Buffer dsum = Buffer::random(DType::F32, n, random);
  const Buffer weight = Buffer::random(c.weight_dtype, c.columns, random, 0.2, 2);
  const Buffer rstd = Buffer::random(DType::F32, c.rows, random, 0.3, 2);
  std::vector<double> dx_expected, bound, dweight_expected(static_cast<size_t>(c.columns)),
      magnitude(dweight_expected.size());
  for (int64_t r = 0; r < c.rows; ++r) {
    const RowGradient row = norm_row_backward(row_of(dy, r, c.columns), row_of(x, r, c.columns),
                                              weight.values(), rstd.at(r));
    for (int64_t i = 0; i < c.columns; ++i) {
      const double with_sum = row.dx[i] + (with_dsum ? dsum.at(r * c.columns + i) : 0);
      dx_expected.push_back(with_sum);
      bound.push_back(row.bound[i] +
                      (with_dsum ? kF32Unit * (std::abs(with_sum) + row.bound[i]) : 0));
      dweight_expected[i] += row.dweight[i];
      magnitude[i] += std::abs(row.dweight[i]);
    }
  }
  Buffer dx(dx_dtype, n), dweight(DType::F32, c.columns), partials(DType::F32, blocks * c.columns);
  run_everywhere(
      {&dx, &dweight, &partials},
      [&](const Kernels& kernels, ThreadPool& pool) {
        kernels.rms_norm_backward({dy.data(), x.data(), weight.data(), rstd.as<float>(),
                                   with_dsum ? dsum.as<float>() : nullptr, dx.data(),
                                   with_dweight ? dweight.as<float>() : nullptr,
                                   with_dweight ? partials.as<float>() : nullptr, c.rows, c.columns,
                                   c.dtype, c.stream, dx_dtype, c.weight_dtype},
                                  pool);
      },
      [&] {
        check_close(dx.values(), dx_expected,
                    [&](int64_t i) { return stored(dx_dtype, dx_expected[i], bound[i]); });
        if (with_dweight) {
          check_close(dweight.values(), dweight_expected, [&](int64_t i) {
            return static_cast<double>(kColumnSumRows + blocks + 2) * kF32Unit * magnitude[i] +
                   kTiny;
          });
        }
      });
}

TEST_CASE("rms_norm: forward, with and without a residual") {
  for (const Case& c : cases()) {
    CAPTURE(c.rows);
    CAPTURE(c.columns);
    check_forward(c, false);
    check_forward(c, true);
  }
}

TEST_CASE("rms_norm: backward, with and without the gradients of the sum and of the weight") {
  for (const Case& c : cases()) {
    CAPTURE(c.rows);
    CAPTURE(c.columns);
    check_backward(c, false, true);
    check_backward(c, true, false);
  }
}

TEST_CASE("rms_norm: the reference gradient is the derivative of the reference") {
  Random random(12);
  std::vector<double> x, weight, dy;
  for (int c = 0; c < 9; ++c) {
    x.push_back(random.uniform());
    weight.push_back(random.uniform(0.5, 1.5));
    dy.push_back(random.uniform());
  }
  const auto loss = [&](const std::vector<double>& at, const std::vector<double>& w) {
    const std::vector<double> y = norm_row(at, w);
    double sum = 0;
    for (size_t c = 0; c < y.size(); ++c) sum += y[c] * dy[c];
    return sum;
  };
  double squares = 0;
  for (const double value : x) squares += value * value;
  const RowGradient gradient = norm_row_backward(dy, x, weight, 1 / std::sqrt(squares / 9 + kEps));
  // The third derivative of a row of this size is below 100, so the difference errs by less than
  // 1e-10 * 100 / 6 and rounding by 2^-53 / 1e-5 times a value below 10.
  check_gradient([&](const std::vector<double>& at) { return loss(at, weight); }, x, gradient.dx,
                 3e-9);
  check_gradient([&](const std::vector<double>& at) { return loss(x, at); }, weight,
                 gradient.dweight, 3e-9);
}

TEST_CASE("rms_norm: the ops check their contracts and run through the stream") {
  const Tensor x = tensor_of(DType::F32, {1, 2}, {3, 4}),
               weight = tensor_of(DType::F32, {2}, {1, 2});
  const auto [y, none, rstd] = ops::rms_norm(x, Tensor(), weight, 0);
  CHECK(!none);
  CHECK(values_of(rstd)[0] == doctest::Approx(1 / std::sqrt(12.5)));
  CHECK(values_of(y)[1] == doctest::Approx(8 / std::sqrt(12.5)));
  const auto [y2, sum, rstd2] = ops::rms_norm(x, x, weight, 0);
  CHECK(values_of(sum) == std::vector<double>{6, 8});
  const auto [dx, dweight] = ops::rms_norm_backward(x, x, weight, rstd, Tensor(), true);
  CHECK(values_of(dweight)[0] == doctest::Approx(9 / std::sqrt(12.5)));
  CHECK(!std::get<1>(ops::rms_norm_backward(x, x, weight, rstd, x, false)));
  const auto empty =
      ops::rms_norm(Tensor::empty(device(), DType::F32, {0, 2}), Tensor(), weight, 0);
  CHECK(values_of(std::get<0>(empty)).empty());

  check_throws(ErrorCode::Shape, "rmsNorm: weight must have shape [2]; got float32 [1].",
               [&] { ops::rms_norm(x, Tensor(), rstd, 0); });
  check_throws(ErrorCode::Shape, "rmsNorm: residual and x must have the same shape",
               [&] { ops::rms_norm(x, weight, weight, 0); });
  check_throws(ErrorCode::Shape, "rmsNorm: x must have at least one column", [&] {
    ops::rms_norm(Tensor::empty(device(), DType::F32, {2, 0}), Tensor(),
                  Tensor::empty(device(), DType::F32, {0}), 0);
  });
  check_throws(ErrorCode::Shape, "rmsNormBackward: rstd must have shape [1]",
               [&] { ops::rms_norm_backward(x, x, weight, weight, Tensor(), true); });
  check_throws(ErrorCode::Shape, "rmsNormBackward: dy must be a tensor; got nothing.",
               [&] { ops::rms_norm_backward(Tensor(), x, weight, rstd, Tensor(), true); });
}

}  // namespace
}  // namespace llft::test

// SwiGLU and its backward against double precision; bounds of cpu/kernels/swiglu.cc, u = 2^-24.
#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double silu(double x) { return x * sigmoid(x); }
double silu_slope(double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }

TEST_CASE("swiglu: forward and backward") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    std::vector<int64_t> sizes = tail_sizes();
    sizes.push_back(32768 + 9);
    for (const int64_t n : sizes) {
      CAPTURE(n);
      Random random(static_cast<uint64_t>(n));
      const Buffer gate = Buffer::random(dtype, n, random, -20, 20),
                   up = Buffer::random(dtype, n, random);
      const Buffer dy = Buffer::random(dtype, n, random);
      std::vector<double> y_expected, dgate_expected, dup_expected;
      for (int64_t i = 0; i < n; ++i) {
        y_expected.push_back(silu(gate.at(i)) * up.at(i));
        dup_expected.push_back(dy.at(i) * silu(gate.at(i)));
        dgate_expected.push_back(dy.at(i) * up.at(i) * silu_slope(gate.at(i)));
      }
      Buffer y(dtype, n), dgate(dtype, n), dup(dtype, n);
      run_everywhere(
          {&y, &dgate, &dup},
          [&](const Kernels& kernels, ThreadPool& pool) {
            kernels.swiglu({gate.data(), up.data(), y.data(), n, dtype}, pool);
            kernels.swiglu_backward(
                {dy.data(), gate.data(), up.data(), dgate.data(), dup.data(), n, dtype}, pool);
          },
          [&] {
            const auto relative = [&](const std::vector<double>& expected) {
              return [&](int64_t i) {
                return stored(dtype, expected[i], 8 * kF32Unit * std::abs(expected[i]));
              };
            };
            check_close(y.values(), y_expected, relative(y_expected));
            check_close(dup.values(), dup_expected, relative(dup_expected));
            check_close(dgate.values(), dgate_expected, [&](int64_t i) {
              const double g = gate.at(i), scale = std::abs(dy.at(i) * up.at(i)) * sigmoid(g);
              return stored(dtype, dgate_expected[i], scale * kF32Unit * (9 + 12 * std::abs(g)));
            });
          });
    }
  }
}

TEST_CASE("swiglu: far gates saturate") {
  const Buffer gate(DType::F32, {-200, -90, 90, 200}), up(DType::F32, {1, 1, 1, 1});
  Buffer y(DType::F32, 4), dgate(DType::F32, 4), dup(DType::F32, 4);
  run_everywhere(
      {&y, &dgate, &dup},
      [&](const Kernels& kernels, ThreadPool& pool) {
        kernels.swiglu({gate.data(), up.data(), y.data(), 4, DType::F32}, pool);
        kernels.swiglu_backward(
            {up.data(), gate.data(), up.data(), dgate.data(), dup.data(), 4, DType::F32}, pool);
      },
      [&] {
        // e^-90 is below float32's normal numbers: 1e-37 covers 90 e^-90.
        check_close(y.values(), {0, 0, 90, 200}, [](int64_t) { return 1e-37; });
        check_close(dup.values(), {0, 0, 90, 200}, [](int64_t) { return 1e-37; });
        check_close(dgate.values(), {0, 0, 1, 1}, [](int64_t) { return 1e-37; });
      });
}

TEST_CASE("swiglu: the reference gradient is the derivative of the reference") {
  const std::vector<double> gate = {-3, -0.5, 0, 0.7, 4};
  std::vector<double> slopes;
  for (const double g : gate) slopes.push_back(1.5 * silu_slope(g));
  // Derivatives of silu are below 1, so the difference errs by 1.5e-10 / 6, and rounding by 2^-53 *
  // 10 / 1e-5.
  check_gradient(
      [](const std::vector<double>& at) {
        double sum = 0;
        for (const double g : at) sum += 1.5 * silu(g);
        return sum;
      },
      gate, slopes, 5e-10);
}

TEST_CASE("swiglu: the ops check their contracts and run through the stream") {
  const Tensor gate = tensor_of(DType::F32, {2}, {0, 1}), up = tensor_of(DType::F32, {2}, {5, 2});
  CHECK(values_of(ops::swiglu(gate, up))[1] == doctest::Approx(2 * sigmoid(1)));
  const auto [dgate, dup] = ops::swiglu_backward(up, gate, up);
  CHECK(values_of(dgate)[0] == doctest::Approx(12.5));
  CHECK(values_of(dup)[1] == doctest::Approx(2 * sigmoid(1)));
  check_throws(ErrorCode::Shape, "swiglu: gate and up must have the same shape",
               [&] { ops::swiglu(gate, Tensor::empty(device(), DType::F32, {3})); });
  check_throws(ErrorCode::Dtype, "swigluBackward: gate and dy must have the same dtype",
               [&] { ops::swiglu_backward(Tensor::empty(device(), DType::BF16, {2}), gate, up); });
}

}  // namespace
}  // namespace llft::test

// The optimisers against double precision, over several steps in which each begins from what the
// kernel stored. Bounds, u = 2^-24: one step's m and v are sums of two or three terms with at most
// 4 roundings each on their way, and the coefficients are rounded: 4 u sum |terms|. The update of
// p: relative error of m, half of that of v and 8 roundings.
#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

struct AdamwOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
};

AdamwCoefficients adamw_rates(const AdamwOptions& o, int64_t step) {
  AdamwCoefficients args = {};
  args.beta1_rest = static_cast<float>(1 - o.beta1);
  args.beta2 = static_cast<float>(o.beta2);
  args.beta2_rest = static_cast<float>(1 - o.beta2);
  args.eps = static_cast<float>(o.eps);
  args.decay = static_cast<float>(1 - o.lr * o.weight_decay);
  args.step_size = static_cast<float>(o.lr / (1 - std::pow(o.beta1, static_cast<double>(step))));
  args.v_correction =
      static_cast<float>(std::sqrt(1 - std::pow(o.beta2, static_cast<double>(step))));
  return args;
}

TEST_CASE("optimizer: AdamW steps") {
  const AdamwOptions o;
  for (const int64_t n : {int64_t{1}, int64_t{15}, int64_t{17}, int64_t{33}, int64_t{32768 + 5}}) {
    Random random(static_cast<uint64_t>(n));
    Buffer p = Buffer::random(DType::F32, n, random), m(DType::F32, std::vector<double>(n, 0.0)),
           v(DType::F32, std::vector<double>(n, 0.0));
    const float grad_factor = 0.25f;
    for (int64_t step = 1; step <= 4; ++step) {
      CAPTURE(n);
      CAPTURE(step);
      const Buffer grad = Buffer::random(DType::F32, n, random);
      std::vector<double> p_expected, m_expected, v_expected, p_bound, m_bound, v_bound;
      for (int64_t i = 0; i < n; ++i) {
        const double g = grad.at(i) * grad_factor;
        const double m1 = o.beta1 * m.at(i) + (1 - o.beta1) * g;
        const double v1 = o.beta2 * v.at(i) + (1 - o.beta2) * g * g;
        const double m_correction = 1 - std::pow(o.beta1, step),
                     v_correction = 1 - std::pow(o.beta2, step);
        const double update = o.lr / m_correction * m1 / (std::sqrt(v1 / v_correction) + o.eps);
        const double decayed = p.at(i) * (1 - o.lr * o.weight_decay);
        m_expected.push_back(m1);
        v_expected.push_back(v1);
        p_expected.push_back(decayed - update);
        m_bound.push_back(4 * kF32Unit * (std::abs(m.at(i)) + (1 - o.beta1) * std::abs(g)) + kTiny);
        v_bound.push_back(4 * kF32Unit * v1 + kTiny);
        const double scale = std::abs(update / m1);  // of an error in m
        p_bound.push_back(scale * m_bound[i] + std::abs(update) * (2 + 8) * kF32Unit +
                          3 * kF32Unit * (std::abs(decayed) + std::abs(update)));
      }
      AdamwStepArgs args = {};
      args.coefficients = adamw_rates(o, step);
      args.param = p.as<float>();
      args.grad = grad.as<float>();
      args.m = m.as<float>();
      args.v = v.as<float>();
      args.grad_factor = &grad_factor;
      args.n = n;
      run_everywhere(
          {&p, &m, &v},
          [&](const Kernels& kernels, ThreadPool& pool) { kernels.adamw_step(args, pool); },
          [&] {
            check_close(m.values(), m_expected, [&](int64_t i) { return m_bound[i]; });
            check_close(v.values(), v_expected, [&](int64_t i) { return v_bound[i]; });
            check_close(p.values(), p_expected, [&](int64_t i) { return p_bound[i]; });
          });
      cpu::available_kernels().front()->adamw_step(args, pool_of(2));
    }
  }
}

TEST_CASE("optimizer: SGD steps, with and without momentum") {
  for (const double momentum : {0.0, 0.9}) {
    for (const int64_t n : {int64_t{1}, int64_t{15}, int64_t{17}, int64_t{32768 + 5}}) {
      Random random(static_cast<uint64_t>(n));
      Buffer p = Buffer::random(DType::F32, n, random), buffer(DType::F32, n);
      const float grad_factor = 2;
      for (int64_t step = 1; step <= 3; ++step) {
        const Buffer grad = Buffer::random(DType::F32, n, random);
        std::vector<double> p_expected, b_expected, bound;
        for (int64_t i = 0; i < n; ++i) {
          const double raw = grad.at(i) * grad_factor, decay = 0.05 * p.at(i);
          const double kept = momentum != 0 && step > 1 ? momentum * buffer.at(i) : 0;
          const double g = raw + decay + kept;
          b_expected.push_back(g);
          p_expected.push_back(p.at(i) - 0.1 * g);
          bound.push_back(4 * kF32Unit * (std::abs(raw) + std::abs(decay) + std::abs(kept)));
        }
        const SgdStepArgs args = {p.as<float>(),
                                  grad.as<float>(),
                                  momentum != 0 ? buffer.as<float>() : nullptr,
                                  &grad_factor,
                                  n,
                                  0.1f,
                                  static_cast<float>(momentum),
                                  0.05f,
                                  step == 1};
        run_everywhere(
            {&p, &buffer},
            [&](const Kernels& kernels, ThreadPool& pool) { kernels.sgd_step(args, pool); },
            [&] {
              if (momentum != 0) {
                check_close(buffer.values(), b_expected,
                            [&](int64_t i) { return bound[i] + kTiny; });
              }
              check_close(p.values(), p_expected, [&](int64_t i) {
                return 0.1 * bound[i] +
                       3 * kF32Unit * (std::abs(p.at(i)) + 0.1 * std::abs(b_expected[i]));
              });
            });
        cpu::available_kernels().front()->sgd_step(args, pool_of(2));
      }
    }
  }
}

TEST_CASE("optimizer: the factor that clips the norm") {
  const auto factor_of = [](double sum_squares, double count, double max_norm) {
    const auto [factor, norm] =
        ops::clip_factor(tensor_of(DType::F32, {1}, {sum_squares}), count, max_norm);
    return std::pair(values_of(factor)[0], values_of(norm)[0]);
  };
  CHECK(factor_of(400, 4, 1).first == doctest::Approx(1 / (5 + 1e-6) / 4).epsilon(1e-7));
  CHECK(factor_of(400, 4, 1).second == 5);
  CHECK(factor_of(400, 4, 10) == std::pair(0.25, 5.0));
  CHECK(factor_of(400, 4, 0) == std::pair(0.25, 5.0));
  CHECK(factor_of(0, 2, 1) == std::pair(0.5, 0.0));
  CHECK(std::isnan(factor_of(NAN, 1, 1).first));
  CHECK(std::isnan(factor_of(NAN, 1, 0).first));
  CHECK(std::isnan(factor_of(INFINITY, 1, 1).first));
  check_throws(ErrorCode::Config, "clipFactor: count must be positive",
               [&] { factor_of(1, 0, 1); });
  check_throws(ErrorCode::Shape, "clipFactor: sumSquares must have shape [1]",
               [&] { ops::clip_factor(Tensor::empty(device(), DType::F32, {2}), 1, 1); });
}

TEST_CASE("optimizer: the ops take the coefficients of torch and check their contracts") {
  const Tensor p = tensor_of(DType::F32, {1}, {1}), g = tensor_of(DType::F32, {1}, {0.5});
  const Tensor m = tensor_of(DType::F32, {1}, {0}), v = tensor_of(DType::F32, {1}, {0});
  const Tensor one = tensor_of(DType::F32, {1}, {1});
  ops::adamw_step(p, g, m, v, one, {0.1, 0.9, 0.99, 1e-8, 0.5, 1});
  // First step: m / (1 - beta1) = g and v / (1 - beta2) = g^2, so p = 1 * (1 - 0.05) - 0.1 * g /
  // (|g| + eps).
  CHECK(values_of(p)[0] == doctest::Approx(0.95 - 0.1 / (1 + 2e-8)).epsilon(1e-6));
  CHECK(values_of(m)[0] == doctest::Approx(0.05).epsilon(1e-6));
  CHECK(values_of(v)[0] == doctest::Approx(0.0025).epsilon(1e-6));
  const Tensor q = tensor_of(DType::F32, {1}, {1});
  ops::sgd_step(q, g, Tensor(), one, {0.1, 0, 0, 1});
  CHECK(values_of(q)[0] == doctest::Approx(0.95).epsilon(1e-6));
  check_throws(ErrorCode::Config, "adamwStep: step must be at least 1; got 0.",
               [&] { ops::adamw_step(p, g, m, v, one, {0.1, 0.9, 0.99, 1e-8, 0.5, 0}); });
  check_throws(ErrorCode::Config, "adamwStep: beta2 must be in [0, 1)",
               [&] { ops::adamw_step(p, g, m, v, one, {0.1, 0.9, 1, 1e-8, 0.5, 1}); });
  check_throws(ErrorCode::Config, "sgdStep: lr must be finite",
               [&] { ops::sgd_step(q, g, Tensor(), one, {NAN, 0, 0, 1}); });
  check_throws(ErrorCode::Shape, "sgdStep: momentumBuffer must be a tensor; got nothing.",
               [&] { ops::sgd_step(q, g, Tensor(), one, {0.1, 0.9, 0, 1}); });
  check_throws(ErrorCode::Dtype, "adamwStep: param must be float32", [&] {
    ops::adamw_step(Tensor::empty(device(), DType::BF16, {1}), g, m, v, one,
                    {0.1, 0.9, 0.9, 1e-8, 0, 1});
  });
}

}  // namespace
}  // namespace llft::test

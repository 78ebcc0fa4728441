// Lion, Adafactor and AdamW with 8-bit moments against double precision, over several steps in
// which each begins from what the kernel stored. u = 2^-24; the bounds are derived in the kernels'
// heads.
#include "core/dynamic_map.h"
#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

std::vector<double> zeros(int64_t n) { return std::vector<double>(static_cast<size_t>(n), 0.0); }

TEST_CASE("optimizer: Lion steps") {
  const double lr = 1e-3, beta1 = 0.9, beta2 = 0.99, weight_decay = 0.1;
  for (const int64_t n : {int64_t{1}, int64_t{15}, int64_t{33}, int64_t{32768 + 5}}) {
    Random random(static_cast<uint64_t>(n));
    Buffer p = Buffer::random(DType::F32, n, random), m(DType::F32, zeros(n));
    const float grad_factor = 0.5f;
    for (int64_t step = 1; step <= 3; ++step) {
      Buffer grad = Buffer::random(DType::F32, n, random);
      if (n > 1) grad.set(1, step == 1 ? 0 : grad.at(1));  // with m = 0: no direction
      std::vector<double> p_expected, m_expected, p_bound, m_bound;
      for (int64_t i = 0; i < n; ++i) {
        const double g = grad.at(i) * grad_factor;
        const double size = beta1 * std::abs(m.at(i)) + (1 - beta1) * std::abs(g);
        const double mixed = beta1 * m.at(i) + (1 - beta1) * g;
        const double decayed = p.at(i) * (1 - lr * weight_decay);
        p_expected.push_back(decayed - lr * (mixed > 0 ? 1 : mixed < 0 ? -1 : 0));
        const bool certain = std::abs(mixed) > 4 * kF32Unit * size || size == 0;
        p_bound.push_back(4 * kF32Unit * (std::abs(decayed) + lr) + (certain ? 0 : 2 * lr));
        m_expected.push_back(beta2 * m.at(i) + (1 - beta2) * g);
        m_bound.push_back(4 * kF32Unit * (std::abs(m.at(i)) + (1 - beta2) * std::abs(g)) + kTiny);
      }
      const LionStepArgs args = {p.as<float>(),
                                 grad.as<float>(),
                                 m.as<float>(),
                                 &grad_factor,
                                 n,
                                 static_cast<float>(beta1),
                                 static_cast<float>(1 - beta1),
                                 static_cast<float>(1 - beta2),
                                 static_cast<float>(lr),
                                 static_cast<float>(1 - lr * weight_decay)};
      run_everywhere(
          {&p, &m},
          [&](const Kernels& kernels, ThreadPool& pool) { kernels.lion_step(args, pool); },
          [&] {
            check_close(p.values(), p_expected, [&](int64_t i) { return p_bound[i]; });
            check_close(m.values(), m_expected, [&](int64_t i) { return m_bound[i]; });
          });
      cpu::available_kernels().front()->lion_step(args, pool_of(2));
    }
  }
}

// A moment in 8 bits: what it holds, and how it is to be stored.
struct Moment {
  const DynamicMap& map;
  Buffer codes;
  Buffer absmax;

  Moment(bool is_signed, int64_t n)
      : map(dynamic_map(is_signed)),
        codes(DType::U8, zeros(n)),
        absmax(DType::F32, zeros(moment_blocks(n))) {}

  double at(int64_t i) const {
    return static_cast<double>(map.values[static_cast<int>(codes.at(i))]) *
           absmax.at(i / kMomentBlock);
  }
  // Nearest code of each number of the block, or a neighbour where rounding errors decide.
  void check(const std::vector<double>& expected, const std::vector<double>& bound) const {
    const int64_t n = codes.size();
    for (int64_t begin = 0; begin < n; begin += kMomentBlock) {
      const int64_t end = std::min(n, begin + kMomentBlock);
      double largest = 0, error = 0;
      for (int64_t i = begin; i < end; ++i) {
        largest = std::max(largest, std::abs(expected[static_cast<size_t>(i)]));
        error = std::max(error, bound[static_cast<size_t>(i)]);
      }
      const double scale = absmax.at(begin / kMomentBlock);
      CHECK(std::abs(scale - largest) <= error);
      for (int64_t i = begin; i < end; ++i) {
        const double x = expected[static_cast<size_t>(i)];
        double nearest = INFINITY;
        for (const float value : map.values)
          nearest = std::min(nearest, std::abs(value * scale - x));
        const double slack = bound[static_cast<size_t>(i)] + 4 * kF32Unit * scale;
        if (std::abs(at(i) - x) > nearest + 2 * slack) {
          CAPTURE(i);
          CHECK(std::abs(at(i) - x) <= nearest + 2 * slack);
        }
      }
    }
  }
};

TEST_CASE("optimizer: AdamW steps with moments in 8 bits") {
  const double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
  for (const int64_t n : {int64_t{1}, int64_t{255}, int64_t{257}, int64_t{32768 + 300}}) {
    Random random(static_cast<uint64_t>(n));
    Buffer p = Buffer::random(DType::F32, n, random);
    Moment m(true, n), v(false, n);
    const float grad_factor = 0.25f;
    for (int64_t step = 1; step <= 4; ++step) {
      CAPTURE(n);
      CAPTURE(step);
      Buffer grad = Buffer::random(DType::F32, n, random);
      for (int64_t i = 0; i < std::min<int64_t>(n - 1, 256); ++i) grad.set(i, 0);  // a block of 0
      std::vector<double> p_expected, m_expected, v_expected, p_bound, m_bound, v_bound;
      for (int64_t i = 0; i < n; ++i) {
        const double g = grad.at(i) * grad_factor;
        const double m1 = beta1 * m.at(i) + (1 - beta1) * g;
        const double v1 = beta2 * v.at(i) + (1 - beta2) * g * g;
        const double update = lr / (1 - std::pow(beta1, step)) * m1 /
                              (std::sqrt(v1 / (1 - std::pow(beta2, step))) + eps);
        const double decayed = p.at(i) * (1 - lr * weight_decay);
        m_expected.push_back(m1);
        v_expected.push_back(v1);
        p_expected.push_back(decayed - update);
        m_bound.push_back(6 * kF32Unit * (std::abs(m.at(i)) + (1 - beta1) * std::abs(g)) + kTiny);
        v_bound.push_back(6 * kF32Unit * v1 + kTiny);
        const double scale = m1 == 0 ? 0 : std::abs(update / m1);  // of an error in m
        p_bound.push_back(scale * m_bound.back() + std::abs(update) * (3 + 8) * kF32Unit +
                          3 * kF32Unit * (std::abs(decayed) + std::abs(update)));
      }
      Adamw8bitStepArgs args = {};
      args.coefficients = {static_cast<float>(1 - beta1),
                           static_cast<float>(beta2),
                           static_cast<float>(1 - beta2),
                           static_cast<float>(eps),
                           static_cast<float>(1 - lr * weight_decay),
                           static_cast<float>(lr / (1 - std::pow(beta1, step))),
                           static_cast<float>(std::sqrt(1 - std::pow(beta2, step)))};
      args.param = p.as<float>();
      args.grad = grad.as<float>();
      args.m = m.codes.as<uint8_t>();
      args.v = v.codes.as<uint8_t>();
      args.m_absmax = m.absmax.as<float>();
      args.v_absmax = v.absmax.as<float>();
      args.grad_factor = &grad_factor;
      args.n = n;
      run_everywhere(
          {&p, &m.codes, &m.absmax, &v.codes, &v.absmax},
          [&](const Kernels& kernels, ThreadPool& pool) { kernels.adamw8bit_step(args, pool); },
          [&] {
            check_close(p.values(), p_expected, [&](int64_t i) { return p_bound[i]; });
            m.check(m_expected, m_bound);
            v.check(v_expected, v_bound);
          });
      cpu::available_kernels().front()->adamw8bit_step(args, pool_of(2));
    }
  }
}

struct AdafactorCase {
  int64_t rows, columns;  // rows 0: not a matrix
  bool scale_parameter;
  double beta1, clip, weight_decay;
};

double rms(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum / static_cast<double>(x.size()));
}

TEST_CASE("optimizer: Adafactor steps") {
  const double lr = 1e-2, eps1 = 1e-30, eps2 = 1e-3;
  for (const AdafactorCase& c :
       {AdafactorCase{7, 33, false, 0, 1, 0}, AdafactorCase{129, 300, true, 0, 0.5, 0.1},
        AdafactorCase{40, 16, true, 0.9, 1, 0}, AdafactorCase{1, 5, false, 0, 1, 0},
        AdafactorCase{0, 4096 + 9, true, 0.9, 0.25, 0.01}, AdafactorCase{0, 3, false, 0, 1, 0}}) {
    const bool matrix = c.rows > 0;
    const int64_t n = matrix ? c.rows * c.columns : c.columns;
    Random random(static_cast<uint64_t>(n));
    Buffer p = Buffer::random(DType::F32, n, random), m(DType::F32, zeros(n));
    Buffer row(DType::F32, zeros(matrix ? c.rows : 0));
    Buffer column(DType::F32, zeros(matrix ? c.columns : 0)), v(DType::F32, zeros(matrix ? 0 : n));
    const float grad_factor = 0.5f;
    for (int64_t step = 1; step <= 3; ++step) {
      CAPTURE(n);
      CAPTURE(step);
      const double beta2 = static_cast<float>(1 - std::pow(step, -0.8));
      const Buffer grad = Buffer::random(DType::F32, n, random);
      std::vector<double> g(static_cast<size_t>(n));
      for (int64_t i = 0; i < n; ++i) g[static_cast<size_t>(i)] = grad.at(i) * grad_factor;
      std::vector<double> row1, column1 = zeros(matrix ? c.columns : 0), v1, direction;
      double row_mean = 0;
      for (int64_t r = 0; r < c.rows; ++r) {
        double sum = 0;
        for (int64_t k = 0; k < c.columns; ++k) {
          const double square = std::pow(g[static_cast<size_t>(r * c.columns + k)], 2) + eps1;
          sum += square;
          column1[static_cast<size_t>(k)] += square / static_cast<double>(c.rows);
        }
        row1.push_back(beta2 * row.at(r) + (1 - beta2) * sum / static_cast<double>(c.columns));
        row_mean += row1.back() / static_cast<double>(c.rows);
      }
      for (int64_t k = 0; k < static_cast<int64_t>(column1.size()); ++k) {
        double& value = column1[static_cast<size_t>(k)];
        value = beta2 * column.at(k) + (1 - beta2) * value;
      }
      for (int64_t i = 0; i < n; ++i) {
        const double gi = g[static_cast<size_t>(i)];
        if (!matrix) v1.push_back(beta2 * v.at(i) + (1 - beta2) * (gi * gi + eps1));
        const double moment = matrix ? row1[static_cast<size_t>(i / c.columns)] / row_mean *
                                           column1[static_cast<size_t>(i % c.columns)]
                                     : v1.back();
        direction.push_back(gi / std::sqrt(moment));
      }
      const double rate = lr * (c.scale_parameter ? std::max(eps2, rms(p.values())) : 1);
      const double scale = rate / std::max(1.0, rms(direction) / c.clip);
      const double row_error = (static_cast<double>(c.columns) + 16) * kF32Unit;
      const double column_error = (static_cast<double>(c.rows) + 16) * kF32Unit;
      // Both means of rows, the columns, and their part in rms(direction), each under a root.
      const double update_error = 2 * row_error + column_error + 24 * kF32Unit;
      std::vector<double> p_expected, m_expected, p_bound, m_bound;
      for (int64_t i = 0; i < n; ++i) {
        const double fresh = direction[static_cast<size_t>(i)] * scale;
        const double kept = c.beta1 > 0 ? c.beta1 * m.at(i) : 0;
        const double update = kept + (1 - c.beta1) * fresh;
        m_expected.push_back(update);
        m_bound.push_back((1 - c.beta1) * std::abs(fresh) * (update_error + 3 * kF32Unit) +
                          3 * kF32Unit * std::abs(kept) + kTiny);
        const double decay = c.weight_decay * rate * p.at(i);
        p_expected.push_back(p.at(i) - decay - update);
        p_bound.push_back(m_bound.back() + std::abs(decay) * update_error +
                          3 * kF32Unit * (std::abs(p.at(i)) + std::abs(update)));
      }
      std::vector<double> partials(2 * static_cast<size_t>(n));
      AdafactorStepArgs args = {};
      args.param = p.as<float>();
      args.grad = grad.as<float>();
      args.row = matrix ? row.as<float>() : nullptr;
      args.column = matrix ? column.as<float>() : nullptr;
      args.v = matrix ? nullptr : v.as<float>();
      args.m = c.beta1 > 0 ? m.as<float>() : nullptr;
      args.grad_factor = &grad_factor;
      args.partials = partials.data();
      args.width = matrix ? c.columns : kAdafactorLine;
      args.lines = (n + args.width - 1) / args.width;
      args.n = n;
      args.beta1 = static_cast<float>(c.beta1);
      args.beta2 = static_cast<float>(beta2);
      args.eps1 = static_cast<float>(eps1);
      args.eps2 = static_cast<float>(eps2);
      args.clip_threshold = static_cast<float>(c.clip);
      args.scale_parameter = c.scale_parameter;
      args.lr = static_cast<float>(lr);
      args.weight_decay = static_cast<float>(c.weight_decay);
      const auto relative = [](const std::vector<double>& expected, double error) {
        return [&expected, error](int64_t i) {
          return error * std::abs(expected[static_cast<size_t>(i)]) + kTiny;
        };
      };
      run_everywhere(
          {&p, &m, &row, &column, &v},
          [&](const Kernels& kernels, ThreadPool& pool) { kernels.adafactor_step(args, pool); },
          [&] {
            check_close(row.values(), row1, relative(row1, row_error));
            check_close(column.values(), column1, relative(column1, column_error));
            check_close(v.values(), v1, relative(v1, 16 * kF32Unit));
            if (c.beta1 > 0)
              check_close(m.values(), m_expected, [&](int64_t i) { return m_bound[i]; });
            check_close(p.values(), p_expected, [&](int64_t i) { return p_bound[i]; });
          });
      cpu::available_kernels().front()->adafactor_step(args, pool_of(2));
    }
  }
}

// First steps of one element, worked out by hand: p = 1, gradient 0.5, no moments yet.
TEST_CASE("optimizer: the ops of the other kinds take the coefficients that they name") {
  const auto of = [](double value) { return tensor_of(DType::F32, {1}, {value}); };
  const auto close = [](const Tensor& x, double value) {
    CHECK(values_of(x)[0] == doctest::Approx(value).epsilon(1e-6));
  };
  const Tensor g = of(0.5), one = of(1);

  const Tensor lion = of(1), lion_m = of(0);
  ops::lion_step(lion, g, lion_m, one, {0.1, 0.9, 0.99, 0.5});
  close(lion, 0.95 - 0.1);
  close(lion_m, 0.005);

  const Tensor adam = of(1), m_absmax = of(0), v_absmax = of(0);
  const Tensor m = tensor_of(DType::U8, {1}, {0}), v = tensor_of(DType::U8, {1}, {0});
  ops::adamw8bit_step(adam, g, m, v, m_absmax, v_absmax, one, {0.1, 0.9, 0.99, 1e-8, 0.5, 1});
  close(adam, 0.95 - 0.1);
  close(m_absmax, 0.05);
  close(v_absmax, 0.0025);
  CHECK(values_of(m)[0] == 255);  // the map's 1

  const Tensor ada = of(1), ada_v = of(0);
  ops::adafactor_step(ada, g, Tensor(), Tensor(), ada_v, Tensor(), one,
                      {0.1, 0, 0, 1e-30, 1e-3, 1, false, 0.5});
  close(ada, 0.95 - 0.1);
  close(ada_v, 0.25);
}

TEST_CASE("optimizer: a factor that is not finite leaves parameters and state as they are") {
  const std::vector<double> values = {1, 2, 3, 4};
  const Tensor g = tensor_of(DType::F32, {2, 2}, {0.5, NAN, 1, 2});
  for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    const Tensor factor = tensor_of(DType::F32, {1}, {bad});
    const auto fresh = [&] { return tensor_of(DType::F32, {2, 2}, values); };
    const auto sized = [](int64_t size) {
      return tensor_of(DType::F32, {size}, std::vector<double>(size, 5));
    };
    const Tensor p = fresh(), m = fresh(), v = fresh(), row = sized(2), column = sized(2);
    const auto [codes, absmax, offset] =
        ops::quantize_8bit(ops::view(fresh(), {4}), true, 256, false);
    const Tensor before = ops::dequantize_8bit(codes, absmax, Tensor(), true, 256);
    ops::adamw_step(p, g, m, v, factor, {0.1, 0.9, 0.99, 1e-8, 0.5, 1});
    const Tensor moments = ops::view(codes, {2, 2});
    ops::adamw8bit_step(p, g, moments, moments, absmax, absmax, factor,
                        {0.1, 0.9, 0.99, 1e-8, 0.5, 1});
    ops::lion_step(p, g, m, factor, {0.1, 0.9, 0.99, 0.5});
    ops::sgd_step(p, g, m, factor, {0.1, 0.9, 0.5, 2});
    ops::adafactor_step(p, g, row, column, Tensor(), m, factor,
                        {0.1, 0.9, 0.9, 1e-30, 1e-3, 1, true, 0.5});
    for (const Tensor& kept : {p, m, v}) CHECK(values_of(kept) == values);
    for (const Tensor& kept : {row, column}) CHECK(values_of(kept) == std::vector<double>(2, 5));
    const Tensor after = ops::dequantize_8bit(codes, absmax, Tensor(), true, 256);
    CHECK(values_of(after) == values_of(before));
  }
}

TEST_CASE("optimizer: the ops of the other kinds check their contracts") {
  const Tensor p = tensor_of(DType::F32, {2, 2}, {1, 2, 3, 4}),
               one = tensor_of(DType::F32, {1}, {1});
  const Tensor codes = Tensor::empty(device(), DType::U8, {2, 2}),
               scales = Tensor::empty(device(), DType::F32, {1});
  const Tensor two = Tensor::empty(device(), DType::F32, {2});
  check_throws(ErrorCode::Dtype, "adamw8bitStep: m must be uint8", [&] {
    ops::adamw8bit_step(p, p, p, codes, scales, scales, one, {0.1, 0.9, 0.99, 1e-8, 0, 1});
  });
  check_throws(ErrorCode::Shape, "adamw8bitStep: vAbsmax must have shape [1]", [&] {
    ops::adamw8bit_step(p, p, codes, codes, scales, two, one, {0.1, 0.9, 0.99, 1e-8, 0, 1});
  });
  check_throws(ErrorCode::Config, "lionStep: beta1 must be in [0, 1)",
               [&] { ops::lion_step(p, p, p, one, {0.1, 1, 0.9, 0}); });
  check_throws(ErrorCode::Shape, "adafactorStep: either row and column or v must be given", [&] {
    ops::adafactor_step(p, p, two, Tensor(), p, Tensor(), one, {1, 0, 0, 0, 0, 1, false, 0});
  });
  check_throws(ErrorCode::Config, "adafactorStep: clipThreshold must be positive", [&] {
    ops::adafactor_step(p, p, two, two, Tensor(), Tensor(), one, {1, 0, 0, 0, 0, 0, false, 0});
  });
}

}  // namespace
}  // namespace llft::test

// Cross entropy on logits, and fused with the language-model head, on every instruction set against
// double precision.
//
// Bounds, u = 2^-24. Of a row of logits with max |z| = m: exp is 2 u and its argument off by u * 2
// m; a lane sums V / 16 terms, at most 256 here, so the sum of exponentials and each softmax are
// off by s = (2 m + 264) u relative; a loss by s + 2 m u. The head adds the error of the product, g
// = (D + 8) u * max sum |x w| per logit (gemm_test.cc): m u -> m u + g. dz is stored in x's type (r
// = 2^-8 or 0), so dx is off by sum |dz error| |w| + (V + 8) u sum |dz w|, and dw likewise over
// rows. Smoothing e adds e times the error of a row's mean, 70 u m (64 terms a lane, four halvings,
// two roundings), to its loss, and u times the target, which is rounded to float32, to its dz.
#include "core/kernels/cross_entropy.h"
#include "core/kernels/linear_cross_entropy.h"
#include "core/ops.h"
#include "op_check.h"

namespace {

using namespace llft;
using namespace llft::test;

struct RowReference {
  double loss = 0;
  std::vector<double> softmax, target, gradient;
};

RowReference reference_row(const double* z, int64_t columns, int32_t label, double smoothing) {
  RowReference row;
  row.softmax.assign(static_cast<size_t>(columns), 0);
  row.target = row.gradient = row.softmax;
  if (label == kIgnoredLabel) return row;
  row.target.assign(row.target.size(), smoothing / static_cast<double>(columns));
  row.target[label] += 1 - smoothing;
  const double top = *std::max_element(z, z + columns);
  double sum = 0;
  for (int64_t v = 0; v < columns; ++v) sum += row.softmax[v] = std::exp(z[v] - top);
  row.loss = std::log(sum) + top;
  for (int64_t v = 0; v < columns; ++v) {
    row.softmax[v] /= sum;
    row.gradient[v] = row.softmax[v] - row.target[v];
    row.loss -= row.target[v] * z[v];
  }
  return row;
}

Buffer random_labels(int64_t rows, int64_t vocabulary, Random& random) {
  Buffer labels(DType::I32, rows);
  for (int64_t t = 0; t < rows; ++t) {
    labels.set(t, t % 3 == 1 ? kIgnoredLabel : static_cast<double>(random.below(vocabulary)));
  }
  return labels;
}

void check_logits(int64_t rows, int64_t vocabulary, DType dtype, double range,
                  double smoothing = 0) {
  INFO(rows, " x ", vocabulary, " ", std::string(name_of(dtype)), " smoothed by ", smoothing);
  Random random(6);
  const Buffer z = Buffer::random(dtype, rows * vocabulary, random, -range, range);
  const Buffer labels = random_labels(rows, vocabulary, random);
  Buffer loss(DType::F32, 1), dlogits(dtype, z.size());
  std::vector<double> gradient, softmax, target;
  double sum = 0;
  for (int64_t t = 0; t < rows; ++t) {
    const std::vector<double> all = z.values();
    const RowReference row =
        reference_row(&all[t * vocabulary], vocabulary, labels.as<int32_t>()[t], smoothing);
    sum += row.loss;
    gradient.insert(gradient.end(), row.gradient.begin(), row.gradient.end());
    softmax.insert(softmax.end(), row.softmax.begin(), row.softmax.end());
    target.insert(target.end(), row.target.begin(), row.target.end());
  }
  const double relative = (2 * range + 264) * kF32Unit;
  const double of_target = smoothing > 0 ? kF32Unit : 0;
  std::vector<double> losses(static_cast<size_t>(rows));
  const auto run = [&](void* out) {
    return [&, out](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
      kernels.cross_entropy({"crossEntropy", dtype, z.data(), labels.as<int32_t>(), losses.data(),
                             loss.as<float>(), out, rows, vocabulary, smoothing},
                            pool);
    };
  };
  const auto check_loss = [&] {
    check_close(loss.values(), {sum}, [&](int64_t) {
      const double mean = smoothing * 70 * kF32Unit * range;
      return static_cast<double>(rows) * (relative + 2 * range * kF32Unit + mean) +
             kF32Unit * std::abs(sum) + kTiny;
    });
  };
  run_everywhere({&loss}, run(nullptr), check_loss);
  run_everywhere({&loss, &dlogits}, run(dlogits.data()), [&] {
    check_loss();
    check_close(dlogits.values(), gradient, [&](int64_t i) {
      return stored(dtype, gradient[i],
                    (relative + 4 * kF32Unit) * softmax[i] + of_target * target[i] +
                        kF32Unit * std::abs(gradient[i]));
    });
  });
}

struct HeadReference {
  double loss = 0, largest_dot = 0;
  std::vector<double> dx, dw, dx_abs, dw_abs;  // sums, and sums of absolute values
  std::vector<double> dx_softmax, dw_softmax;  // the same with softmax in the place of |dz|
  std::vector<double> dx_target, dw_target;    // and with the target
};

HeadReference reference_head(const std::vector<double>& x, const std::vector<double>& w,
                             const int32_t* labels, int64_t rows, int64_t width, int64_t vocabulary,
                             double smoothing) {
  HeadReference ref;
  ref.dx = ref.dx_abs = ref.dx_softmax = ref.dx_target = std::vector<double>(x.size());
  ref.dw = ref.dw_abs = ref.dw_softmax = ref.dw_target = std::vector<double>(w.size());
  for (int64_t t = 0; t < rows; ++t) {
    if (labels[t] == kIgnoredLabel) continue;
    std::vector<double> z(static_cast<size_t>(vocabulary));
    for (int64_t v = 0; v < vocabulary; ++v) {
      double absolute = 0;
      for (int64_t d = 0; d < width; ++d) {
        z[v] += x[t * width + d] * w[v * width + d];
        absolute += std::abs(x[t * width + d] * w[v * width + d]);
      }
      ref.largest_dot = std::max(ref.largest_dot, absolute);
    }
    const RowReference row = reference_row(z.data(), vocabulary, labels[t], smoothing);
    ref.loss += row.loss;
    for (int64_t v = 0; v < vocabulary; ++v) {
      const double dz = row.gradient[v], p = row.softmax[v], q = row.target[v];
      for (int64_t d = 0; d < width; ++d) {
        const double a = x[t * width + d], b = w[v * width + d];
        ref.dx[t * width + d] += dz * b;
        ref.dx_abs[t * width + d] += std::abs(dz * b);
        ref.dx_softmax[t * width + d] += std::abs(p * b);
        ref.dx_target[t * width + d] += std::abs(q * b);
        ref.dw[v * width + d] += dz * a;
        ref.dw_abs[v * width + d] += std::abs(dz * a);
        ref.dw_softmax[v * width + d] += std::abs(p * a);
        ref.dw_target[v * width + d] += std::abs(q * a);
      }
    }
  }
  return ref;
}

void check_head(int64_t rows, int64_t width, int64_t vocabulary, int64_t chunk_rows, DType dtype,
                double smoothing = 0) {
  INFO(rows, " x ", width, " x ", vocabulary, " by ", chunk_rows, " ", std::string(name_of(dtype)),
       " smoothed by ", smoothing);
  Random random(7);
  const Buffer x = Buffer::random(dtype, rows * width, random),
               w = Buffer::random(dtype, vocabulary * width, random);
  const Buffer labels = random_labels(rows, vocabulary, random);
  Buffer loss(DType::F32, 1), dx(dtype, x.size()), dw(DType::F32, w.size());
  const Buffer logits(DType::F32, chunk_rows * vocabulary), gathered(dtype, chunk_rows * width),
      grads(dtype, gathered.size());
  const HeadReference ref = reference_head(x.values(), w.values(), labels.as<int32_t>(), rows,
                                           width, vocabulary, smoothing);
  const double u = kF32Unit, rounding = dtype == DType::BF16 ? kBf16Unit : 0;
  const double logit = (static_cast<double>(width) + 8) * u * ref.largest_dot;
  const double relative = 2 * logit + (2 * ref.largest_dot + 268) * u;
  const double of_target = smoothing > 0 ? u : 0;
  const auto run = [&](bool want) {
    return [&, want](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
      kernels.linear_cross_entropy(
          {"linearCrossEntropy", dtype, x.data(), w.data(), labels.as<int32_t>(), loss.as<float>(),
           want ? dx.data() : nullptr, want ? dw.as<float>() : nullptr, rows, width, vocabulary,
           chunk_rows, smoothing, logits.as<float>(), gathered.data(),
           want ? grads.data() : nullptr},
          pool);
    };
  };
  const auto check_loss = [&] {
    check_close(loss.values(), {ref.loss}, [&](int64_t) {
      const double mean = smoothing * (70 * u * ref.largest_dot + logit);
      return static_cast<double>(rows) * (relative + 2 * logit + mean) + u * std::abs(ref.loss) +
             kTiny;
    });
  };
  run_everywhere({&loss}, run(false), check_loss);
  run_everywhere({&loss, &dx, &dw}, run(true), [&] {
    check_loss();
    check_close(dx.values(), ref.dx, [&](int64_t i) {
      const double sum = (static_cast<double>(vocabulary) + 8) * u + rounding;
      return stored(
          dtype, ref.dx[i],
          relative * ref.dx_softmax[i] + of_target * ref.dx_target[i] + sum * ref.dx_abs[i]);
    });
    check_close(dw.values(), ref.dw, [&](int64_t i) {
      const double sum = (static_cast<double>(rows) + 8) * u + rounding;
      return stored(
          DType::F32, ref.dw[i],
          relative * ref.dw_softmax[i] + of_target * ref.dw_target[i] + sum * ref.dw_abs[i]);
    });
  });
}

}  // namespace

TEST_CASE("crossEntropy: loss and gradient of logits") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const int64_t vocabulary : {1, 2, 15, 16, 33, 1023, 3000})
      check_logits(5, vocabulary, dtype, 4);
    check_logits(7, 50, dtype, 80);
    check_logits(0, 50, dtype, 1);
    for (const int64_t vocabulary : {1, 15, 33, 1023, 1024, 3000})
      check_logits(5, vocabulary, dtype, 4, 0.1);
    check_logits(7, 50, dtype, 80, 0.9);
  }
}

TEST_CASE("linearCrossEntropy: loss and gradients in chunks of rows") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const int64_t chunk_rows : {1, 4, 9, 40}) check_head(40, 24, 67, chunk_rows, dtype);
    check_head(50, 65, 1100, 20, dtype);
    check_head(1, 8, 5, 1, dtype);
    check_head(3, 1, 1, 2, dtype);
    for (const int64_t chunk_rows : {4, 40}) check_head(40, 24, 67, chunk_rows, dtype, 0.1);
    check_head(50, 65, 1100, 20, dtype, 0.5);
  }
}

TEST_CASE("crossEntropy: the reference's gradient is that of its loss") {
  Random random(8);
  std::vector<double> z;
  for (int i = 0; i < 9; ++i) z.push_back(random.uniform(-2, 2));
  for (const double smoothing : {0.0, 0.3}) {
    check_gradient([&](const auto& x) { return reference_row(x.data(), 9, 4, smoothing).loss; }, z,
                   reference_row(z.data(), 9, 4, smoothing).gradient, 1e-8);
  }
  std::vector<double> x, w;
  for (int i = 0; i < 12; ++i) x.push_back(random.uniform());
  for (int i = 0; i < 20; ++i) w.push_back(random.uniform());
  const int32_t labels[] = {2, kIgnoredLabel, 4};
  for (const double smoothing : {0.0, 0.3}) {
    const auto of = [&](const std::vector<double>& a, const std::vector<double>& b) {
      return reference_head(a, b, labels, 3, 4, 5, smoothing);
    };
    check_gradient([&](const auto& a) { return of(a, w).loss; }, x, of(x, w).dx, 1e-8);
    check_gradient([&](const auto& a) { return of(x, a).loss; }, w, of(x, w).dw, 1e-8);
  }
}

TEST_CASE("crossEntropy and linearCrossEntropy through the stream, and what they refuse") {
  const Tensor x = tensor_of(DType::F32, {3, 2}, {1, 0, 0, 1, 1, 1}),
               w = tensor_of(DType::F32, {2, 2}, {1, 2, 3, 4});
  const Tensor labels = tensor_of(DType::I32, {3}, {0, -100, 1});
  const double expected =
      std::log(1 + std::exp(2)) + std::log(1 + std::exp(-4));  // logits (1, 3) and (3, 7)
  const auto [loss, dx, dw] = ops::linear_cross_entropy(x, w, labels, 0, true, false);
  CHECK(values_of(loss)[0] == doctest::Approx(expected).epsilon(1e-6));
  CHECK(!dw);
  CHECK(values_of(dx)[2] == 0);
  const double p = 1 / (1 + std::exp(-2));  // dx of the first row: p * (w1 - w0)
  CHECK(values_of(dx)[0] == doctest::Approx(2 * p).epsilon(1e-6));
  const Tensor logits = tensor_of(DType::F32, {3, 2}, {1, 3, 2, 4, 3, 7});
  const auto [other, dlogits] = ops::cross_entropy(logits, labels, 0, true);
  CHECK(values_of(other)[0] == doctest::Approx(expected).epsilon(1e-6));
  CHECK(values_of(dlogits)[1] == doctest::Approx(p).epsilon(1e-6));
  const auto [nothing, zeros, none] = ops::linear_cross_entropy(
      x, w, tensor_of(DType::I32, {3}, {-100, -100, -100}), 0.1, true, true);
  CHECK(values_of(nothing)[0] == 0);
  CHECK(values_of(zeros) == std::vector<double>(6, 0));
  CHECK(values_of(none) == std::vector<double>(4, 0));

  check_throws(ErrorCode::Shape,
               "linearCrossEntropy: labels[2], unless -100, must be in [0, 2); got 2.", [&] {
                 values_of(std::get<0>(ops::linear_cross_entropy(
                     x, w, tensor_of(DType::I32, {3}, {0, 1, 2}), 0, true, false)));
               });
  check_throws(ErrorCode::Shape, "crossEntropy: labels[0], unless -100, must be in [0, 2); got -1.",
               [&] {
                 values_of(std::get<0>(
                     ops::cross_entropy(logits, tensor_of(DType::I32, {3}, {-1, 1, 0}), 0, false)));
               });
  check_throws(ErrorCode::Shape, "linearCrossEntropy: w must have shape [any, 2]", [&] {
    ops::linear_cross_entropy(x, Tensor::empty(device(), DType::F32, {5, 3}), labels, 0, false,
                              false);
  });
  check_throws(ErrorCode::Shape, "labels must have shape [3]", [&] {
    ops::linear_cross_entropy(x, w, Tensor::empty(device(), DType::I32, {2}), 0, false, false);
  });
  check_throws(ErrorCode::Dtype, "labels must be int32", [&] {
    ops::cross_entropy(logits, Tensor::empty(device(), DType::F32, {3}), 0, false);
  });
  for (const double smoothing : {-0.1, 1.0, double{NAN}}) {
    check_throws(ErrorCode::Config, "crossEntropy: smoothing must be in [0, 1)",
                 [&] { ops::cross_entropy(logits, labels, smoothing, false); });
    check_throws(ErrorCode::Config, "linearCrossEntropy: smoothing must be in [0, 1)",
                 [&] { ops::linear_cross_entropy(x, w, labels, smoothing, false, false); });
  }
}

TEST_CASE("crossEntropy and linearCrossEntropy: smoothed, through the stream") {
  const Tensor x = tensor_of(DType::F32, {1, 2}, {1, 1}),
               w = tensor_of(DType::F32, {2, 2}, {1, 0, 0, 3});
  const Tensor label = tensor_of(DType::I32, {1}, {0});  // logits (1, 3)
  const double e = 0.4, p = 1 / (1 + std::exp(2));
  const double expected = std::log(std::exp(1) + std::exp(3)) - (0.8 * 1 + 0.2 * 3);
  const auto [loss, dx, dw] = ops::linear_cross_entropy(x, w, label, e, true, true);
  CHECK(values_of(loss)[0] == doctest::Approx(expected).epsilon(1e-6));
  CHECK(values_of(dx)[0] == doctest::Approx(p - 0.8).epsilon(1e-6));
  CHECK(values_of(dw)[2] == doctest::Approx(1 - p - 0.2).epsilon(1e-6));
  const auto [other, dlogits] =
      ops::cross_entropy(tensor_of(DType::F32, {1, 2}, {1, 3}), label, e, true);
  CHECK(values_of(other)[0] == doctest::Approx(expected).epsilon(1e-6));
  CHECK(values_of(dlogits)[0] == doctest::Approx(p - 0.8).epsilon(1e-6));
}

TEST_CASE("linearCrossEntropy: NaN in a row makes the loss NaN") {
  const Tensor x = tensor_of(DType::F32, {1, 2}, {NAN, 0}),
               w = tensor_of(DType::F32, {2, 2}, {1, 2, 3, 4});
  const auto [loss, dx, dw] =
      ops::linear_cross_entropy(x, w, tensor_of(DType::I32, {1}, {0}), 0, true, false);
  CHECK(std::isnan(values_of(loss)[0]));
  CHECK(std::isnan(values_of(dx)[0]));
}

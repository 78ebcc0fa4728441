// linear, linearDx and linearDw through the stream: their formulas, shapes and contracts. The
// accuracy of the product itself is the subject of gemm_test.cc; here all values are small
// integers, so that every result is exact.
#include <vector>

#include "core/error.h"
#include "core/ops.h"
#include "doctest/doctest.h"
#include "op_check.h"

namespace {

using llft::DType;
using llft::Shape;
using llft::Tensor;
using llft::test::values_of;
namespace ops = llft::ops;

// Integers in [-3, 3]: exact in bfloat16, and so are their sums of products in float32.
Tensor integers(const Shape& shape, DType dtype, int seed) {
  std::vector<double> values;
  for (int64_t i = 0; i < llft::checked_numel("test", shape); ++i) {
    values.push_back(static_cast<double>((i * 5 + i / 7 + seed * 3) % 7 - 3));
  }
  return llft::test::tensor_of(dtype, shape, values);
}

struct Terms {
  std::vector<double> a, b;
  int64_t k, a_row, a_k, b_k, b_column;  // strides of a over (row, k), of b over (k, column)
  double alpha;
};

std::vector<double> product(int64_t m, int64_t n, const std::vector<Terms>& all) {
  std::vector<double> c(static_cast<size_t>(m * n));
  for (const Terms& t : all) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        for (int64_t k = 0; k < t.k; ++k) {
          c[static_cast<size_t>(i * n + j)] += t.alpha *
                                               t.a[static_cast<size_t>(i * t.a_row + k * t.a_k)] *
                                               t.b[static_cast<size_t>(k * t.b_k + j * t.b_column)];
        }
      }
    }
  }
  return c;
}

template <class Call>
std::string message_of(llft::ErrorCode code, const Call& call) {
  try {
    call();
  } catch (const llft::Error& error) {
    return error.code() == code ? error.what() : std::string("other code: ") + error.what();
  }
  return "no error";
}

TEST_CASE("linear: y = x w^T + bias + scale h b^T, for many rows and for few") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const int64_t t : {2, 21}) {
      const Tensor x = integers({2, t, 10}, dtype, 1), w = integers({35, 10}, dtype, 2),
                   bias = integers({35}, dtype, 3);
      const Tensor h = integers({2, t, 4}, dtype, 4), b = integers({35, 4}, dtype, 5);
      const Tensor y = ops::linear(x, w, bias, h, b, 0.5, DType::F32);
      CHECK(y.dtype() == DType::F32);
      CHECK(y.shape() == Shape{2, t, 35});
      const std::vector<double> ones(static_cast<size_t>(2 * t), 1.0);
      CHECK(values_of(y) == product(2 * t, 35,
                                    {{values_of(x), values_of(w), 10, 10, 1, 1, 10, 1.0},
                                     {values_of(h), values_of(b), 4, 4, 1, 1, 4, 0.5},
                                     {ones, values_of(bias), 1, 1, 0, 0, 1, 1.0}}));
    }
  }
}

TEST_CASE("linear: the output dtype is the one asked for, without LoRA and bias") {
  const Tensor x = integers({5, 6}, DType::F32, 1), w = integers({3, 6}, DType::F32, 2);
  const Tensor y = ops::linear(x, w, {}, {}, {}, 1.0, DType::BF16);
  CHECK(y.dtype() == DType::BF16);
  CHECK(values_of(y) == product(5, 3,
                                {{values_of(x), values_of(w), 6, 6, 1, 1, 6,
                                  1.0}}));  // |y| <= 54: exact in bfloat16
}

TEST_CASE("linearDx: dx = factor dy w + dh a") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    const Tensor dy = integers({13, 5}, dtype, 1), w = integers({5, 20}, dtype, 2);
    const Tensor dh = integers({13, 3}, dtype, 3), a = integers({3, 20}, dtype, 4);
    const Tensor dx = ops::linear_dx(dy, w, 0.5, dh, a);
    CHECK(dx.dtype() == dtype);
    CHECK(dx.shape() == Shape{13, 20});
    // |dx| <= 45 / 2 + 27 in steps of 1/2: 7 bits, exact in bfloat16.
    CHECK(values_of(dx) == product(13, 20,
                                   {{values_of(dy), values_of(w), 5, 5, 1, 20, 1, 0.5},
                                    {values_of(dh), values_of(a), 3, 3, 1, 20, 1, 1.0}}));
    CHECK(values_of(ops::linear_dx(dy, w, 1.0, {}, {})) ==
          product(13, 20, {{values_of(dy), values_of(w), 5, 5, 1, 20, 1, 1.0}}));
  }
}

TEST_CASE("linearDw: dw = factor dy^T x in float32") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    const Tensor dy = integers({3, 7, 11}, dtype, 1), x = integers({3, 7, 18}, dtype, 2);
    const Tensor dw = ops::linear_dw(dy, x, 0.25);
    CHECK(dw.dtype() == DType::F32);
    CHECK(dw.shape() == Shape{11, 18});
    CHECK(values_of(dw) ==
          product(11, 18, {{values_of(dy), values_of(x), 21, 1, 11, 18, 1, 0.25}}));
  }
}

TEST_CASE("linear: no rows and no columns") {
  const Tensor w = integers({4, 6}, DType::F32, 1);
  CHECK(ops::linear(integers({0, 6}, DType::F32, 1), w, {}, {}, {}, 1.0, DType::F32).shape() ==
        Shape{0, 4});
  const Tensor y = ops::linear(integers({3, 0}, DType::F32, 1), integers({4, 0}, DType::F32, 1), {},
                               {}, {}, 1.0, DType::F32);
  CHECK(values_of(y) == std::vector<double>(12, 0.0));
  const Tensor dw =
      ops::linear_dw(integers({0, 2}, DType::F32, 1), integers({0, 3}, DType::F32, 1), 1.0);
  CHECK(values_of(dw) == std::vector<double>(6, 0.0));
}

TEST_CASE("linear: errors name the operand and what it must be") {
  const Tensor x = integers({5, 6}, DType::F32, 1), w = integers({3, 6}, DType::F32, 1);
  const auto linear = [&](const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& h,
                          const Tensor& b) {
    return [=] { ops::linear(x, w, bias, h, b, 1.0, DType::F32); };
  };
  using llft::ErrorCode;
  CHECK(message_of(ErrorCode::Shape, linear(integers({5, 7}, DType::F32, 1), w, {}, {}, {})) ==
        "linear: x must have 6 columns; got float32 [5, 7].");
  CHECK(message_of(ErrorCode::Dtype, linear(x, integers({3, 6}, DType::BF16, 1), {}, {}, {})) ==
        "linear: w must be float32; got bfloat16 [3, 6].");
  CHECK(message_of(ErrorCode::Shape, linear(x, w, integers({4}, DType::F32, 1), {}, {})) ==
        "linear: bias must have shape [3]; got float32 [4].");
  CHECK(message_of(ErrorCode::Shape, linear(x, w, {}, integers({5, 2}, DType::F32, 1), {})) ==
        "linear: h and b must both be given or both be absent; got float32 [5, 2] and nothing.");
  CHECK(message_of(ErrorCode::Shape, linear(x, w, {}, integers({4, 2}, DType::F32, 1),
                                            integers({3, 2}, DType::F32, 1))) ==
        "linear: h must have 5 rows; got float32 [4, 2].");
  CHECK(message_of(ErrorCode::Shape, linear(x, w, {}, integers({5, 2}, DType::F32, 1),
                                            integers({4, 2}, DType::F32, 1))) ==
        "linear: b must have shape [3, any]; got float32 [4, 2].");
  CHECK(message_of(ErrorCode::Shape, linear({}, w, {}, {}, {})) ==
        "linear: x must be a tensor; got nothing.");
  CHECK(message_of(ErrorCode::Dtype, [&] { ops::linear(x, w, {}, {}, {}, 1.0, DType::I32); }) ==
        "linear: the output must be float32 or bfloat16; got int32.");
  CHECK(message_of(ErrorCode::Shape, [&] { ops::linear_dx(x, w, 1.0, {}, {}); }) ==
        "linearDx: dy must have 3 columns; got float32 [5, 6].");
  CHECK(message_of(ErrorCode::Shape, [&] { ops::linear_dw(x, w, 1.0); }) ==
        "linearDw: x must have 5 rows; got float32 [3, 6].");
}

}  // namespace

// add, mul, scale and accumulate against double precision: one rounding in float32 and one to the
// type of y.
#include "op_check.h"

#include "core/ops.h"
#include "cpu/kernels.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

constexpr int64_t kSeveralTasks = 2 * 32768 + 5;

template <class Kernel, class Reference>
void check_binary(DType dtype, int64_t n, Kernel kernel, const Reference& reference) {
  INFO(std::string(name_of(dtype)));
  CAPTURE(n);
  Random random(static_cast<uint64_t>(n));
  const Buffer a = Buffer::random(dtype, n, random), b = Buffer::random(dtype, n, random);
  std::vector<double> expected;
  for (int64_t i = 0; i < n; ++i) expected.push_back(reference(a.at(i), b.at(i)));
  Buffer y(dtype, n);
  run_everywhere(
      {&y},
      [&](const Kernels& kernels, ThreadPool& pool) {
        (kernels.*kernel)({a.data(), b.data(), y.data(), n, dtype}, pool);
      },
      [&] {
        check_close(y.values(), expected, [&](int64_t i) {
          return stored(dtype, expected[i], kF32Unit * std::abs(expected[i]));
        });
      });
}

template <class Body>
void for_sizes(const Body& body) {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const int64_t n : tail_sizes()) body(dtype, n);
    body(dtype, kSeveralTasks);
  }
}

TEST_CASE("elementwise: add and mul") {
  for_sizes([](DType dtype, int64_t n) {
    check_binary(dtype, n, &Kernels::add, [](double a, double b) { return a + b; });
    check_binary(dtype, n, &Kernels::mul, [](double a, double b) { return a * b; });
  });
}

TEST_CASE("elementwise: scale") {
  for_sizes([](DType dtype, int64_t n) {
    Random random(7);
    const Buffer x = Buffer::random(dtype, n, random);
    const float factor = 1.7f;
    std::vector<double> expected;
    for (int64_t i = 0; i < n; ++i) expected.push_back(factor * x.at(i));
    Buffer y(dtype, n);
    run_everywhere(
        {&y},
        [&](const Kernels& kernels, ThreadPool& pool) {
          kernels.scale({x.data(), y.data(), n, dtype, factor}, pool);
        },
        [&] {
          check_close(y.values(), expected, [&](int64_t i) {
            return stored(dtype, expected[i], kF32Unit * std::abs(expected[i]));
          });
        });
  });
}

TEST_CASE("elementwise: accumulate adds in float32") {
  for_sizes([](DType dtype, int64_t n) {
    Random random(11);
    const Buffer src = Buffer::random(dtype, n, random);
    Buffer dst = Buffer::random(DType::F32, n, random);
    std::vector<double> expected;
    for (int64_t i = 0; i < n; ++i) expected.push_back(dst.at(i) + src.at(i));
    run_everywhere(
        {&dst},
        [&](const Kernels& kernels, ThreadPool& pool) {
          kernels.accumulate({dst.as<float>(), src.data(), n, dtype}, pool);
        },
        [&] {
          check_close(dst.values(), expected,
                      [&](int64_t i) { return kF32Unit * std::abs(expected[i]) + kTiny; });
        });
  });
}

TEST_CASE("elementwise: bfloat16 results keep NaN, infinities and subnormals, and round to even") {
  const std::vector<double> values = {NAN,       INFINITY,   -INFINITY, 0x1p-133,
                                      -0x1p-130, 1 + 0x1p-7, -0.0,      3e38};
  const Buffer x(DType::BF16, values), zero(DType::BF16, std::vector<double>(values.size(), -0.0));
  Buffer y(DType::BF16, x.size());
  run_everywhere(
      {&y},
      [&](const Kernels& kernels, ThreadPool& pool) {
        kernels.add({x.data(), zero.data(), y.data(), x.size(), DType::BF16}, pool);
      },
      [&] { check_close(y.values(), x.values(), [](int64_t) { return 0x1p-160; }); });

  // 1 + 2^-8 and 1 + 3 * 2^-8 are ties: the even neighbours are 1 and 1 + 2^-6.
  const Buffer one(DType::BF16, {1, 1 + 0x1p-7}), half_step(DType::BF16, {0x1p-8, 0x1p-8});
  Buffer sum(DType::BF16, 2);
  run_everywhere(
      {&sum},
      [&](const Kernels& kernels, ThreadPool& pool) {
        kernels.add({one.data(), half_step.data(), sum.data(), 2, DType::BF16}, pool);
      },
      [&] { CHECK(sum.values() == std::vector<double>{1, 1 + 0x1p-6}); });
}

TEST_CASE("elementwise: the ops check their contracts and run through the stream") {
  const Tensor a = tensor_of(DType::F32, {2, 2}, {1, 2, 3, 4});
  const Tensor b = tensor_of(DType::F32, {2, 2}, {5, 6, 7, 8});
  CHECK(values_of(ops::add(a, b)) == std::vector<double>{6, 8, 10, 12});
  CHECK(values_of(ops::mul(a, b)) == std::vector<double>{5, 12, 21, 32});
  CHECK(values_of(ops::scale(a, -0.5)) == std::vector<double>{-0.5, -1, -1.5, -2});
  ops::accumulate(a, tensor_of(DType::BF16, {2, 2}, {1, 1, 1, 2}));
  CHECK(values_of(a) == std::vector<double>{2, 3, 4, 6});
  CHECK(ops::add(Tensor::empty(device(), DType::BF16, {0, 3}),
                 Tensor::empty(device(), DType::BF16, {0, 3}))
            .shape() == Shape{0, 3});

  const Tensor row = tensor_of(DType::F32, {4}, {1, 2, 3, 4});
  check_throws(ErrorCode::Shape, "add: a and b must have the same shape; got [2, 2] and [4].",
               [&] { ops::add(a, row); });
  check_throws(ErrorCode::Dtype, "mul: a and b must have the same dtype",
               [&] { ops::mul(a, Tensor::empty(device(), DType::BF16, {2, 2})); });
  check_throws(ErrorCode::Dtype, "scale: x must be float32 or bfloat16; got int32 [1].",
               [&] { ops::scale(Tensor::empty(device(), DType::I32, {1}), 2); });
  check_throws(ErrorCode::Dtype, "accumulate: dst must be float32",
               [&] { ops::accumulate(Tensor::empty(device(), DType::BF16, {4}), row); });
  check_throws(ErrorCode::Shape, "add: b must be a tensor; got nothing.",
               [&] { ops::add(a, Tensor()); });
}

}  // namespace
}  // namespace llft::test

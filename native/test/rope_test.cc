// Rotary embedding of every instruction set against double precision.
//
// Bound: two products and one sum of float32, at most 3 u (|a| + |b|) with |cos|, |sin| <= 1, then
// one rounding to the stored type.
#include "core/kernels/rope.h"
#include "core/ops.h"
#include "op_check.h"

namespace {

using namespace llft;
using namespace llft::test;

struct Case {
  int64_t tokens, heads, width, half, rows;
};

std::vector<double> reference(const Case& c, const std::vector<double>& x, const Buffer& cosines,
                              const Buffer& sines, const Buffer& positions, bool inverse) {
  std::vector<double> y = x;
  for (int64_t t = 0; t < c.tokens; ++t) {
    const int64_t at = positions.as<int32_t>()[t] * c.half;
    for (int64_t h = 0; h < c.heads; ++h) {
      const int64_t head = (t * c.heads + h) * c.width;
      for (int64_t i = 0; i < c.half; ++i) {
        const double a = x[head + i], b = x[head + c.half + i];
        const double cosine = cosines.at(at + i),
                     sine = inverse ? -sines.at(at + i) : sines.at(at + i);
        y[head + i] = a * cosine - b * sine;
        y[head + c.half + i] = b * cosine + a * sine;
      }
    }
  }
  return y;
}

void check_case(const Case& c, DType dtype, bool inverse) {
  INFO("width ", c.width, ", half ", c.half, ", ", std::string(name_of(dtype)));
  Random random(2);
  const Buffer x = Buffer::random(dtype, c.tokens * c.heads * c.width, random);
  Buffer y(dtype, x.size()), cosines(DType::F32, c.rows * c.half),
      sines(DType::F32, c.rows * c.half);
  for (int64_t i = 0; i < cosines.size(); ++i) {
    const double angle = random.uniform(0, 6);
    cosines.set(i, std::cos(angle));
    sines.set(i, std::sin(angle));
  }
  Buffer positions(DType::I32, c.tokens);
  for (int64_t t = 0; t < c.tokens; ++t)
    positions.set(t, static_cast<double>(random.below(c.rows)));
  const std::vector<double> expected = reference(c, x.values(), cosines, sines, positions, inverse);
  run_everywhere(
      {&y},
      [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
        kernels.rope({dtype, x.data(), y.data(), cosines.as<float>(), sines.as<float>(),
                      positions.as<int32_t>(), c.tokens, c.heads, c.width, c.half, c.rows, inverse},
                     pool);
      },
      [&] {
        check_close(y.values(), expected,
                    [&](int64_t i) { return stored(dtype, expected[i], 3 * kF32Unit * 2); });
      });
}

}  // namespace

TEST_CASE("rope: whole and partial heads, both ways") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const bool inverse : {false, true}) {
      for (const Case& c : {Case{5, 3, 64, 32, 9}, Case{300, 2, 80, 40, 20}, Case{7, 2, 20, 5, 30},
                            Case{4, 1, 6, 3, 2}, Case{3, 2, 96, 0, 1}, Case{0, 2, 8, 4, 1}}) {
        check_case(c, dtype, inverse);
      }
    }
  }
}

TEST_CASE("rope: the inverse undoes it, and what is refused") {
  const Tensor x = tensor_of(DType::F32, {2, 1, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor cosines = tensor_of(DType::F32, {3, 2}, {1, 1, 0.6, 0.8, 0, -1});
  const Tensor sines = tensor_of(DType::F32, {3, 2}, {0, 0, 0.8, -0.6, 1, 0});
  const Tensor positions = tensor_of(DType::I32, {2}, {1, 2});
  const Tensor y = ops::rope(x, cosines, sines, positions, false);
  // 12 u times |a| + |b| <= 14: two rotations of 3 u each way, and 0.6, 0.8 are no floats.
  check_close(values_of(ops::rope(y, cosines, sines, positions, true)), values_of(x),
              [](int64_t) { return 14 * 12 * kF32Unit; });
  CHECK(values_of(y)[5] == -6);

  check_throws(ErrorCode::Shape,
               "rope: cosines must have at most half as many columns as a head of x; got float32 "
               "[3, 2] for x float32 [2, 2, 2].",
               [&] { ops::rope(ops::view(x, {2, 2, 2}), cosines, sines, positions, false); });
  check_throws(ErrorCode::Shape, "rope: positions[1] must be in [0, 3); got 3.", [&] {
    values_of(ops::rope(x, cosines, sines, tensor_of(DType::I32, {2}, {0, 3}), false));
  });
}

// mul_columns, mul_columns_dv and sum_rows against double precision.
// Bounds: mul_columns one rounding; sums (kColumnSumRows + blocks + 1) u sum |terms|, as
// cpu/kernels/column_sums.cc derives.
#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

const std::vector<std::pair<int64_t, int64_t>> kShapes = {{1, 1},  {2, 17}, {31, 33},  {32, 16},
                                                          {33, 5}, {70, 9}, {129, 64}, {3, 40000}};

TEST_CASE("columns: mul_columns, with v in float32 or in the type of x") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const DType v_dtype : {DType::F32, DType::BF16}) {
      for (const auto& [rows, columns] : kShapes) {
        CAPTURE(rows);
        CAPTURE(columns);
        Random random(5);
        const Buffer x = Buffer::random(dtype, rows * columns, random),
                     v = Buffer::random(v_dtype, columns, random);
        std::vector<double> expected;
        for (int64_t i = 0; i < x.size(); ++i) expected.push_back(x.at(i) * v.at(i % columns));
        Buffer y(dtype, x.size());
        run_everywhere(
            {&y},
            [&](const Kernels& kernels, ThreadPool& pool) {
              kernels.mul_columns({x.data(), v.data(), y.data(), rows, columns, dtype, v_dtype},
                                  pool);
            },
            [&] {
              check_close(y.values(), expected, [&](int64_t i) {
                return stored(dtype, expected[i], kF32Unit * std::abs(expected[i]));
              });
            });
      }
    }
  }
}

TEST_CASE("columns: sums over rows of x and of dy * x") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const bool product : {false, true}) {
      for (const auto& [rows, columns] : kShapes) {
        CAPTURE(rows);
        CAPTURE(columns);
        Random random(6);
        const Buffer a = Buffer::random(dtype, rows * columns, random),
                     b = Buffer::random(dtype, a.size(), random);
        const int64_t blocks = column_sum_blocks(rows);
        std::vector<double> expected(static_cast<size_t>(columns)), magnitude(expected.size());
        for (int64_t i = 0; i < a.size(); ++i) {
          const double term = a.at(i) * (product ? b.at(i) : 1);
          expected[i % columns] += term;
          magnitude[i % columns] += std::abs(term);
        }
        Buffer sums(DType::F32, columns), partials(DType::F32, blocks * columns);
        run_everywhere(
            {&sums, &partials},
            [&](const Kernels& kernels, ThreadPool& pool) {
              kernels.column_sums({a.data(), product ? b.data() : nullptr, partials.as<float>(),
                                   sums.as<float>(), rows, columns, dtype},
                                  pool);
            },
            [&] {
              check_close(sums.values(), expected, [&](int64_t i) {
                return static_cast<double>(kColumnSumRows + blocks + 1) * kF32Unit * magnitude[i] +
                       kTiny;
              });
            });
      }
    }
  }
}

TEST_CASE("columns: the ops check their contracts and run through the stream") {
  const Tensor x = tensor_of(DType::F32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor v = tensor_of(DType::BF16, {3}, {1, 0.5, -1});
  CHECK(values_of(ops::mul_columns(x, v)) == std::vector<double>{1, 1, -3, 4, 2.5, -6});
  CHECK(values_of(ops::sum_rows(x)) == std::vector<double>{5, 7, 9});
  CHECK(values_of(ops::mul_columns_dv(x, x)) == std::vector<double>{17, 29, 45});
  CHECK(values_of(ops::sum_rows(Tensor::empty(device(), DType::F32, {0, 2}))) ==
        std::vector<double>{0, 0});
  check_throws(ErrorCode::Shape, "mulColumns: v must have shape [3]; got float32 [2, 3].",
               [&] { ops::mul_columns(x, x); });
  check_throws(ErrorCode::Shape, "mulColumnsDv: dy and x must have the same shape",
               [&] { ops::mul_columns_dv(Tensor::empty(device(), DType::F32, {3, 2}), x); });
  check_throws(ErrorCode::Dtype, "sumRows: x must be float32 or bfloat16",
               [&] { ops::sum_rows(Tensor::empty(device(), DType::I32, {3, 2})); });
}

}  // namespace
}  // namespace llft::test

// reduce_sum, sum_squares and row_norms against double precision; the bounds are those of
// cpu/kernels/reduce.cc.
#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

// Relative to the sum of magnitudes: n elements in at least 4 lanes.
double sum_bound(int64_t n) {
  return (static_cast<double>(std::min(n, kReduceBlock)) / 16 + 10) * kF32Unit;
}

TEST_CASE("reduce: sums and sums of squares of one and of several tensors") {
  const std::vector<std::vector<int64_t>> cases = {
      {1}, {17}, {8192}, {8193}, {5, 1}, {70001}, {3, 8192, 9000}, {100, 20000, 1, 33000}};
  for (const auto& sizes : cases) {
    for (const bool squares : {false, true}) {
      Random random(9);
      std::vector<Buffer> buffers;
      ReduceArgs args;
      args.blocks = 0;
      args.squares = squares;
      double expected = 0, magnitude = 0;
      int64_t largest = 0;
      for (size_t i = 0; i < sizes.size(); ++i) {
        const DType dtype = i % 2 ? DType::BF16 : DType::F32;
        buffers.push_back(Buffer::random(dtype, sizes[i], random));
        args.sources.push_back({buffers.back().data(), sizes[i], dtype, args.blocks});
        args.blocks += reduce_blocks(sizes[i]);
        largest = std::max(largest, sizes[i]);
        for (const double x : buffers.back().values()) {
          expected += squares ? x * x : x;
          magnitude += squares ? x * x : std::abs(x);
        }
      }
      std::vector<double> partials(static_cast<size_t>(args.blocks));
      Buffer sum(DType::F32, 1);
      args.partials = partials.data();
      args.sum = sum.as<float>();
      run_everywhere(
          {&sum}, [&](const Kernels& kernels, ThreadPool& pool) { kernels.reduce(args, pool); },
          [&] {
            check_close(sum.values(), {expected}, [&](int64_t) {
              return sum_bound(largest) * magnitude + kF32Unit * std::abs(expected);
            });
          });
    }
  }
}

TEST_CASE("reduce: norms of rows") {
  for (const int64_t columns : {1, 3, 15, 16, 17, 129, 5000}) {
    const int64_t rows = 23;
    Random random(10);
    const Buffer x = Buffer::random(DType::F32, rows * columns, random);
    std::vector<double> expected(static_cast<size_t>(rows));
    for (int64_t i = 0; i < x.size(); ++i) expected[i / columns] += x.at(i) * x.at(i);
    for (double& norm : expected) norm = std::sqrt(norm);
    Buffer norms(DType::F32, rows);
    run_everywhere(
        {&norms},
        [&](const Kernels& kernels, ThreadPool& pool) {
          kernels.row_norms({x.as<float>(), norms.as<float>(), rows, columns}, pool);
        },
        [&] {
          const double relative = (static_cast<double>(columns) / 16 + 10) / 2 + 1;
          check_close(norms.values(), expected,
                      [&](int64_t i) { return relative * kF32Unit * expected[i]; });
        });
  }
}

TEST_CASE("reduce: the ops check their contracts and run through the stream") {
  const Tensor x = tensor_of(DType::F32, {2, 2}, {3, 4, 6, 8});
  const Tensor y = tensor_of(DType::BF16, {1}, {2});
  CHECK(values_of(ops::reduce_sum(x)) == std::vector<double>{21});
  CHECK(values_of(ops::sum_squares({x, y, Tensor::empty(device(), DType::F32, {0})})) ==
        std::vector<double>{129});
  CHECK(values_of(ops::sum_squares({})) == std::vector<double>{0});
  CHECK(values_of(ops::row_norms(x)) == std::vector<double>{5, 10});
  CHECK(values_of(ops::reduce_sum(Tensor::empty(device(), DType::F32, {0}))) ==
        std::vector<double>{0});
  CHECK(std::isnan(values_of(ops::sum_squares({x, tensor_of(DType::F32, {1}, {NAN})}))[0]));
  check_throws(ErrorCode::Dtype,
               "sumSquares: each of xs must be float32 or bfloat16; got int32 [1].",
               [&] { ops::sum_squares({x, Tensor::empty(device(), DType::I32, {1})}); });
  check_throws(ErrorCode::Dtype, "rowNorms: x must be float32; got bfloat16 [1].",
               [&] { ops::row_norms(y); });
}

}  // namespace
}  // namespace llft::test

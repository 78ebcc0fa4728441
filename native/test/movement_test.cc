#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/ops.h"
#include "core/rng.h"
#include "cpu/kernels.h"
#include "doctest/doctest.h"
#include "op_check.h"

namespace llft {
namespace {

using test::check_close;
using test::check_throws;
using test::device;
using test::tensor_of;
using test::values_of;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<double> counting(int64_t n, double first = 0) {
  std::vector<double> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), first);
  return values;
}

// The value of a float16, by its definition.
double half_value(uint16_t bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  if (exponent == 31) return fraction ? std::nan("") : sign * kInfinity;
  return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
}

// ---- convert ------------------------------------------------------------------------------------
TEST_CASE("cast: every float16 becomes its float32, exactly, on each instruction set") {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  test::Buffer out(DType::F32, 65536);
  const auto run = [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
    kernels.convert({DType::F16, DType::F32, halves.data(), out.data(), 65536}, pool);
  };
  test::run_everywhere({&out}, run, [&] {
    int64_t wrong = 0;
    for (int64_t i = 0; i < 65536; ++i) {
      const double expected = half_value(static_cast<uint16_t>(i));
      const double actual = out.at(i);
      wrong += std::isnan(expected)
                   ? !std::isnan(actual)
                   : actual != expected || std::signbit(actual) != std::signbit(expected);
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE(
    "cast: float32 to bfloat16 rounds to nearest even and keeps NaN, infinity and subnormals") {
  std::vector<double> values = {0.0,       -0.0,      1.0,   1.00390625, 1.01171875,
                                3.4e38,    kInfinity, 1e-40, -kInfinity, std::nan(""),
                                1.0039063, -2.5,      65280};
  test::Random random(1);
  for (int i = 0; i < 300; ++i) values.push_back(random.uniform(-10, 10));
  const int64_t n = static_cast<int64_t>(values.size());
  for (const int64_t count : {int64_t{1}, int64_t{5}, int64_t{17}, n}) {
    const test::Buffer in(DType::F32, std::vector<double>(values.begin(), values.begin() + count));
    test::Buffer out(DType::BF16, count);
    const auto run = [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
      kernels.convert({DType::F32, DType::BF16, in.data(), out.data(), count}, pool);
    };
    test::run_everywhere({&out}, run, [&] {
      for (int64_t i = 0; i < count; ++i) {
        const double expected = test::widen_bf16(test::round_bf16(static_cast<float>(in.at(i))));
        CHECK((out.at(i) == expected || (std::isnan(out.at(i)) && std::isnan(expected))));
      }
    });
  }
}

TEST_CASE("cast: bfloat16 to float32 is exact, and a cast to the same type is a copy of its own") {
  const std::vector<double> values = {1.5, -2.25, 0.0078125, 100};
  const Tensor x = tensor_of(DType::BF16, {2, 2}, values);
  CHECK(values_of(ops::cast(x, DType::F32)) == values);
  const Tensor same = ops::cast(x, DType::BF16);
  CHECK(same.data() != x.data());
  CHECK(values_of(same) == values);
  CHECK(same.shape() == Shape{2, 2});
  CHECK(ops::cast(tensor_of(DType::F32, {0, 3}, {}), DType::BF16).numel() == 0);
}

TEST_CASE("copy: converts where the types differ, and refuses what it cannot") {
  const Tensor source = tensor_of(DType::F32, {3}, {1, 2, 3});
  const Tensor target = Tensor::empty(device(), DType::BF16, {3});
  ops::copy(source, target);
  CHECK(values_of(target) == std::vector<double>{1, 2, 3});
  check_throws(ErrorCode::Shape, "copy: src and dst must have the same shape; got [3] and [4]",
               [&] { ops::copy(source, Tensor::empty(device(), DType::F32, {4})); });
  check_throws(ErrorCode::Dtype, "got float32 to int32",
               [&] { ops::copy(source, Tensor::empty(device(), DType::I32, {3})); });
  check_throws(ErrorCode::Device, "must not share memory",
               [&] { ops::copy(source, ops::view(source, {3})); });
  check_throws(ErrorCode::Shape, "src must be a tensor; got nothing",
               [&] { ops::copy(Tensor(), target); });
}

// ---- fill ---------------------------------------------------------------------------------------
TEST_CASE("fill: every type takes the values it can hold, and no other") {
  for (const DType dtype : {DType::F32, DType::BF16, DType::I32}) {
    const Tensor x = Tensor::empty(device(), dtype, {300});
    ops::fill(x, -7);
    CHECK(values_of(x) == std::vector<double>(300, -7));
  }
  const Tensor bytes = Tensor::empty(device(), DType::U8, {5});
  ops::fill(bytes, 255);
  CHECK(values_of(bytes) == std::vector<double>(5, 255));
  check_throws(ErrorCode::Dtype, "fill: the value must be one of uint8",
               [&] { ops::fill(bytes, 256); });
  check_throws(ErrorCode::Dtype, "fill: ", [&] { ops::fill(bytes, 0.5); });
  check_throws(ErrorCode::Dtype,
               "fill: ", [&] { ops::fill(Tensor::empty(device(), DType::I32, {1}), 3e9); });
  check_throws(ErrorCode::Dtype, "fill: ", [&] {
    ops::fill(Tensor::empty(device(), DType::I32, {1}), std::nan(""));
  });
  check_throws(ErrorCode::Dtype, "fill: x must be",
               [&] { ops::fill(Tensor::empty(device(), DType::F16, {1}), 0); });
}

test::Buffer drawn(const cpu::Kernels& kernels, cpu::ThreadPool& pool, DType dtype, bool normal,
                   int64_t n, uint64_t seed, uint64_t offset, double low, double high) {
  test::Buffer out(dtype, n);
  FillRandomArgs args;
  args.dtype = dtype;
  args.dst = out.data();
  args.count = n;
  args.normal = normal;
  args.low = low;
  args.high = high;
  args.seed = seed;
  args.offset = offset;
  kernels.fill_random(args, pool);
  return out;
}

// The two distributions in double precision, from the definition.
double reference_draw(bool normal, uint64_t seed, uint64_t e, double low, double high) {
  const auto uniform = [&](uint64_t i) {
    return static_cast<double>(Philox::uniform(Philox::element(seed, i)));
  };
  if (!normal) return low + (high - low) * uniform(e);
  const uint64_t pair = e - e % 2;
  const double radius = std::sqrt(-2 * std::log(1 - uniform(pair)));
  const double angle = 2 * M_PI * uniform(pair + 1);
  return low + high * radius * (e % 2 ? std::sin(angle) : std::cos(angle));
}

TEST_CASE(
    "draws: each element depends on seed and position alone, and has the value of its definition") {
  const uint64_t seed = 0x123456789abcdefu;
  for (const bool normal : {false, true}) {
    for (const cpu::Kernels* kernels : cpu::available_kernels()) {
      for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{6}, uint64_t{1} << 35}) {
        const int64_t n = 9001;  // more than one range of the pool
        const test::Buffer one =
            drawn(*kernels, test::pool_of(1), DType::F32, normal, n, seed, offset, -0.5, 2);
        const test::Buffer three =
            drawn(*kernels, test::pool_of(3), DType::F32, normal, n, seed, offset, -0.5, 2);
        CHECK(one.snapshot() == three.snapshot());
        std::vector<double> expected(static_cast<size_t>(n));
        for (int64_t i = 0; i < n; ++i) {
          expected[static_cast<size_t>(i)] =
              reference_draw(normal, seed, offset + static_cast<uint64_t>(i), -0.5, 2);
        }
        // std * 2e-6 as the kernel's header derives, and the rounding of the result.
        check_close(one.values(), expected, [&](int64_t i) {
          return (normal ? 2 * 2e-6 : 0) +
                 test::kF32Unit * std::abs(expected[static_cast<size_t>(i)]) + test::kTiny;
        });
        const test::Buffer tail =
            drawn(*kernels, test::pool_of(1), DType::F32, normal, 5, seed, offset + 100, -0.5, 2);
        for (int64_t i = 0; i < 5; ++i) CHECK(tail.at(i) == one.at(100 + i));
      }
    }
  }
}

TEST_CASE("draws: the ops draw the elements of the seed's sequence from the offset on") {
  const Tensor x = Tensor::empty(device(), DType::F32, {7});
  ops::fill_uniform(x, -1, 1, 5, 9);
  std::vector<double> expected;
  for (uint64_t i = 0; i < 7; ++i) {
    expected.push_back(static_cast<float>(-1 + 2.0 * Philox::uniform(Philox::element(5, 9 + i))));
  }
  CHECK(values_of(x) == expected);
  const Tensor normal = Tensor::empty(device(), DType::F32, {7});
  ops::fill_normal(normal, 3, 0, 5, 9);
  CHECK(values_of(normal) == std::vector<double>(7, 3));
}

TEST_CASE("draws: mean and spread are those of the distribution") {
  const int64_t n = 100000;
  for (const bool normal : {false, true}) {
    const test::Buffer out = drawn(*cpu::available_kernels().front(), test::pool_of(2), DType::F32,
                                   normal, n, 7, 0, normal ? 3 : 1, 5);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i) sum += out.at(i);
    const double mean = sum / static_cast<double>(n);
    for (int64_t i = 0; i < n; ++i) squares += (out.at(i) - mean) * (out.at(i) - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(n));
    const double expected = normal ? 5 : 4 / std::sqrt(12.0);
    // Five standard errors: of the mean, deviation / sqrt(n); of the deviation, at most deviation /
    // sqrt(2 n).
    CHECK(std::abs(mean - 3) < 5 * expected / std::sqrt(static_cast<double>(n)));
    CHECK(std::abs(deviation - expected) < 5 * expected / std::sqrt(2.0 * static_cast<double>(n)));
  }
}

TEST_CASE(
    "draws: bfloat16 are the float32 draws, rounded; other types and parameters are refused") {
  const cpu::Kernels& kernels = *cpu::available_kernels().front();
  const test::Buffer wide = drawn(kernels, test::pool_of(1), DType::F32, true, 100, 3, 2, 0, 1);
  const test::Buffer narrow = drawn(kernels, test::pool_of(1), DType::BF16, true, 100, 3, 2, 0, 1);
  for (int64_t i = 0; i < 100; ++i) {
    CHECK(narrow.at(i) == test::widen_bf16(test::round_bf16(static_cast<float>(wide.at(i)))));
  }
  const Tensor x = Tensor::empty(device(), DType::F32, {4});
  check_throws(ErrorCode::Dtype, "fillUniform",
               [&] { ops::fill_uniform(Tensor::empty(device(), DType::I32, {4}), 0, 1, 0, 0); });
  check_throws(ErrorCode::Config, "fillNormal: std", [&] { ops::fill_normal(x, 0, -1, 0, 0); });
  check_throws(ErrorCode::Config, "must be finite",
               [&] { ops::fill_uniform(x, 0, kInfinity, 0, 0); });
}

// ---- views, rows and columns --------------------------------------------------------------------
TEST_CASE("view: shares storage; the number of elements must stay") {
  const Tensor x = tensor_of(DType::F32, {3, 2}, counting(6));
  CHECK(ops::view(x, {2, 3, 1}).data() == x.data());
  CHECK(ops::view(tensor_of(DType::F32, {1}, {4}), {}).numel() == 1);
  check_throws(ErrorCode::Shape, "view: the number of elements must stay 6; got [5]",
               [&] { ops::view(x, {5}); });
  check_throws(ErrorCode::Shape, "negative", [&] { ops::view(x, {-2, -3}); });
}

TEST_CASE("sliceRows: a range of axis 0, without a copy") {
  const Tensor x = tensor_of(DType::BF16, {4, 1, 2}, counting(8));
  const Tensor rows = ops::slice_rows(x, 1, 2);
  CHECK(rows.shape() == Shape{2, 1, 2});
  CHECK(rows.data_as<char>() == x.data_as<char>() + 4);
  CHECK(values_of(rows) == std::vector<double>{2, 3, 4, 5});
  CHECK(ops::slice_rows(x, 4, 0).numel() == 0);
  for (const auto& [start, count] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 1}, {0, 5}, {4, 1}, {5, 0}, {1, -1}, {2, std::numeric_limits<int64_t>::max()}}) {
    check_throws(ErrorCode::Shape, "sliceRows: the range must lie in [0, 4]",
                 [&] { ops::slice_rows(x, start, count); });
  }
}

TEST_CASE("columns: what is cut apart and joined again is the same, for odd widths and many rows") {
  const int64_t rows = 301, columns = 13;
  const Tensor x = tensor_of(DType::BF16, {rows, columns}, [&] {
    std::vector<double> values;
    for (int64_t i = 0; i < rows * columns; ++i) values.push_back(static_cast<double>(i % 251));
    return values;
  }());
  const Tensor left = ops::slice_columns(x, 0, 5), middle = ops::slice_columns(x, 5, 0),
               right = ops::slice_columns(x, 5, 8);
  CHECK(values_of(right)[0] == 5);
  CHECK(values_of(right)[8] == 13 + 5);
  CHECK(values_of(ops::concat_columns({left, middle, right})) == values_of(x));
  check_throws(ErrorCode::Shape, "sliceColumns: the range", [&] { ops::slice_columns(x, 6, 8); });
  check_throws(ErrorCode::Shape, "concatColumns: there must be at least one",
               [] { ops::concat_columns({}); });
  check_throws(ErrorCode::Shape, "concatColumns: each part must have shape [301, any]",
               [&] { ops::concat_columns({x, Tensor::empty(device(), DType::BF16, {300, 2})}); });
  check_throws(ErrorCode::Dtype, "must have the same dtype",
               [&] { ops::concat_columns({x, Tensor::empty(device(), DType::F32, {301, 2})}); });
}

TEST_CASE("gatherRows and scatterRows: the rows named, in their order; the last one wins") {
  const Tensor x = tensor_of(DType::F32, {4, 2, 1}, counting(8));
  const Tensor rows = tensor_of(DType::I32, {5}, {3, 0, 3, 1, 1});
  const Tensor gathered = ops::gather_rows(x, rows);
  CHECK(gathered.shape() == Shape{5, 2, 1});
  CHECK(values_of(gathered) == std::vector<double>{6, 7, 0, 1, 6, 7, 2, 3, 2, 3});
  const Tensor source = tensor_of(DType::F32, {5, 2, 1}, counting(10, 10));
  ops::scatter_rows(source, rows, x);
  CHECK(values_of(x) == std::vector<double>{12, 13, 18, 19, 4, 5, 14, 15});
  CHECK(ops::gather_rows(x, tensor_of(DType::I32, {0}, {})).shape() == Shape{0, 2, 1});
}

TEST_CASE("scatterRows: the last one wins with any number of threads, in large copies too") {
  const int64_t table_rows = 200, width = 1200, count = 500;
  test::Random random(3);
  std::vector<int32_t> rows(count);
  for (int32_t& row : rows) row = static_cast<int32_t>(random.below(table_rows));
  const test::Buffer source = test::Buffer::random(DType::F32, count * width / 4, random);
  test::Buffer table(DType::F32, table_rows * width / 4);
  const auto run = [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
    kernels.scatter_rows(
        {"scatterRows", source.as<char>(), table.as<char>(), rows.data(), count, table_rows, width},
        pool);
  };
  test::run_everywhere({&table}, run, [&] {
    for (int64_t t = 0; t < count; ++t) {
      const bool last =
          std::find(rows.begin() + t + 1, rows.end(), rows[static_cast<size_t>(t)]) == rows.end();
      if (last)
        CHECK(memcmp(table.as<char>() + rows[static_cast<size_t>(t)] * width,
                     source.as<char>() + t * width, width) == 0);
    }
  });
}

TEST_CASE("scatterAddRows: sums of float32 in ascending order, rounded once, zero elsewhere") {
  const int64_t count = 400, columns = 37, table_rows = 29;
  test::Random random(5);
  std::vector<int32_t> rows(count);
  for (int32_t& row : rows)
    row = static_cast<int32_t>(random.below(table_rows - 1));  // the last stays empty
  for (const DType dtype : {DType::F32, DType::BF16}) {
    const test::Buffer source = test::Buffer::random(dtype, count * columns, random);
    test::Buffer out(dtype, table_rows * columns);
    std::vector<double> sums(static_cast<size_t>(table_rows * columns)), sizes(sums.size());
    std::vector<double> terms(sums.size());
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t c = 0; c < columns; ++c) {
        const size_t i = static_cast<size_t>(rows[static_cast<size_t>(t)] * columns + c);
        sums[i] += source.at(t * columns + c);
        sizes[i] += std::abs(source.at(t * columns + c));
        terms[i] += 1;
      }
    }
    const auto run = [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
      kernels.scatter_add_rows(
          {dtype, source.data(), out.data(), rows.data(), count, table_rows, columns}, pool);
    };
    test::run_everywhere({&out}, run, [&] {
      check_close(out.values(), sums, [&](int64_t i) {
        const size_t k = static_cast<size_t>(i);
        return test::stored(dtype, sums[k], terms[k] * test::kF32Unit * sizes[k]);
      });
      for (int64_t c = 0; c < columns; ++c) CHECK(out.at((table_rows - 1) * columns + c) == 0);
    });
  }
  const Tensor none = ops::scatter_add_rows(Tensor::empty(device(), DType::F32, {0, 2}),
                                            Tensor::empty(device(), DType::I32, {0}), 2);
  CHECK(values_of(none) == std::vector<double>(4, 0));
}

TEST_CASE("rows: indices out of range are found before anything is touched, in each op") {
  const Tensor x = tensor_of(DType::F32, {2, 2}, counting(4));
  for (const double wrong : {-1.0, 2.0, 2147483647.0}) {
    const Tensor rows = tensor_of(DType::I32, {2}, {0, wrong});
    check_throws(ErrorCode::Shape, "gatherRows: each row must be in [0, 2)",
                 [&] { values_of(ops::gather_rows(x, rows)); });
    check_throws(ErrorCode::Shape, "scatterRows: each row", [&] {
      const Tensor dst = tensor_of(DType::F32, {2, 2}, counting(4));
      ops::scatter_rows(x, rows, dst);
      values_of(dst);
    });
    check_throws(ErrorCode::Shape, "scatterAddRows: each row",
                 [&] { values_of(ops::scatter_add_rows(x, rows, 2)); });
  }
  CHECK(values_of(x) == counting(4));
  check_throws(ErrorCode::Dtype, "rows must be int32", [&] { ops::gather_rows(x, x); });
  check_throws(ErrorCode::Shape, "rows must have shape [2]",
               [&] { ops::scatter_add_rows(x, Tensor::empty(device(), DType::I32, {3}), 2); });
  check_throws(ErrorCode::Shape, "count must not be negative",
               [&] { ops::scatter_add_rows(x, Tensor::empty(device(), DType::I32, {2}), -1); });
}

}  // namespace
}  // namespace llft

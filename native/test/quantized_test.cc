// Products with quantised matrices: bit for bit those with the dense matrix of the same values, as
// both are packed and summed in the same order (a few rows of bfloat16 apart); and that matrix from
// its codes, exactly.
#include "core/quantized.h"

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "coded_matrix.h"
#include "core/dynamic_map.h"
#include "core/kernels/dequantize.h"
#include "core/ops.h"
#include "cpu/kernels/gemm.h"
#include "op_check.h"

namespace llft::test {
namespace {

TEST_CASE("dequantizeRows: every value to the last bit, for blocks across rows and odd columns") {
  for (const CodedForm& form : kCodedForms) {
    for (const int64_t columns : {1, 5, 31, 32, 64, 72, 129, 320}) {
      const CodedMatrix w(form.format, 7, columns, form.block, form.is_double);
      for (const DType dtype : {DType::F32, DType::BF16}) {
        CAPTURE(columns);
        const int64_t start = 2, count = 4;
        const Buffer all = w.dense(dtype);
        Buffer out(dtype, count * columns);
        const DequantizeRowsArgs args = rows_into(out, w.data, start);
        run_everywhere(
            {&out},
            [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
              kernels.dequantize_rows(args, pool);
            },
            [&] {
              const std::vector<double> expected = all.values();
              const auto begin = expected.begin() + start * columns;
              CHECK(out.values() == std::vector<double>(begin, begin + count * columns));
            });
      }
    }
  }
}

// C of a product with W in codes equals C with W in floats.
void check_product(const CodedForm& form, DType dtype, int64_t m, int64_t rows, int64_t columns,
                   bool transpose) {
  const CodedMatrix w(form.format, rows, columns, form.block, form.is_double);
  const Buffer dense = w.dense(dtype);
  const int64_t n = transpose ? rows : columns, k = transpose ? columns : rows;
  Random random(3);
  const Buffer a = Buffer::random(dtype, m * k, random), low = Buffer::random(dtype, m * 3, random),
               factor = Buffer::random(dtype, 3 * n, random);
  Buffer expected(DType::F32, m * n), actual(DType::F32, m * n);
  GemmArgs args;
  args.m = m;
  args.n = n;
  args.in_dtype = dtype;
  args.ldc = n;
  args.terms[0] = {a.data(), dense.data(), k, k, columns, false, transpose, 0.5f};
  args.terms[1] = {low.data(), factor.data(), 3, 3, transpose ? 3 : n, false, transpose, 1.0f};
  args.term_count = 2;
  GemmArgs coded = args;
  coded.terms[0].b = nullptr;
  coded.terms[0].quantized = w.data;
  args.c = expected.data();
  coded.c = actual.data();
  CAPTURE(m);
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(transpose);
  run_everywhere(
      {&expected, &actual},
      [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
        kernels.gemm(args, pool);
        kernels.gemm(coded, pool);
      },
      [&] { CHECK(actual.snapshot() == expected.snapshot()); });
}

TEST_CASE("gemm: a quantised B gives the bits of the dense one") {
  const int64_t shapes[][2] = {{1, 64}, {5, 7}, {70, 64}, {33, 129}, {200, 128}, {64, 800}};
  for (const CodedForm& form : kCodedForms) {
    for (const DType dtype : {DType::F32, DType::BF16}) {
      for (const auto& [rows, columns] : shapes) {
        for (const int64_t m : {1, 3, 8, 21}) {
          for (const bool transpose : {true, false}) {
            // few_rows_codes_test.cc has these.
            if (transpose && m <= cpu::kGemmFewRows) continue;
            check_product(form, dtype, m, rows, columns, transpose);
          }
        }
      }
    }
  }
}

QuantizedMatrix quantized(const Tensor& x, QuantFormat format, int64_t block, bool is_double) {
  QuantizedMatrix w;
  w.format = format;
  w.rows = x.dim(0);
  w.columns = x.dim(1);
  w.block = block;
  if (format == QuantFormat::INT8) {
    std::tie(w.codes, w.absmax) = ops::quantize_int8(x);
    return w;
  }
  std::tie(w.codes, w.absmax) = ops::quantize_4bit(x, format, block);
  if (is_double)
    std::tie(w.absmax, w.nested_absmax, w.offset) = ops::quantize_8bit(w.absmax, true, 256, true);
  return w;
}

Tensor random_tensor(DType dtype, const Shape& shape, uint64_t seed) {
  int64_t n = 1;
  for (const int64_t size : shape) n *= size;
  Random random(seed);
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(random.uniform());
  return tensor_of(dtype, shape, values);
}

TEST_CASE("linearQuantized and its dx: the products of the dequantised matrix") {
  for (const CodedForm& form : kCodedForms) {
    for (const DType dtype : {DType::F32, DType::BF16}) {
      const Tensor x = random_tensor(dtype, {3, 4, 80}, 1), dy = random_tensor(dtype, {12, 48}, 2);
      const QuantizedMatrix w =
          quantized(random_tensor(dtype, {48, 80}, 3), form.format, form.block, form.is_double);
      const Tensor h = random_tensor(dtype, {12, 2}, 4), b = random_tensor(dtype, {48, 2}, 5),
                   a = random_tensor(dtype, {2, 80}, 6), bias = random_tensor(dtype, {48}, 7);
      const Tensor dense = ops::dequantize_rows(w, 0, 48, dtype);
      const Tensor y = ops::linear_quantized(x, w, bias, h, b, 0.5, DType::F32, false);
      CHECK(y.shape() == Shape{3, 4, 48});
      CHECK(values_of(y) == values_of(ops::linear(x, dense, bias, h, b, 0.5, DType::F32)));
      CHECK(values_of(ops::linear_quantized_dx(dy, w, 2.0, h, a)) ==
            values_of(ops::linear_dx(dy, dense, 2.0, h, a)));
    }
  }
}

TEST_CASE("a quantised matrix must hold together") {
  const Tensor x = random_tensor(DType::F32, {2, 70}, 1);
  const QuantizedMatrix good =
      quantized(random_tensor(DType::F32, {10, 70}, 2), QuantFormat::NF4, 64, true);
  const auto check = [&](ErrorCode code, const char* text, auto change) {
    QuantizedMatrix w = good;
    change(w);
    check_throws(code, text,
                 [&] { ops::linear_quantized(x, w, {}, {}, {}, 1.0, DType::F32, false); });
  };
  using W = QuantizedMatrix;
  check(ErrorCode::Config, "the block must be a power of two from 32 to 4096; got 48.",
        [](W& w) { w.block = 48; });
  check(ErrorCode::Shape, "w.codes must have shape [385]", [](W& w) { w.rows = 11; });
  check(ErrorCode::Dtype, "w.codes must be uint8", [](W& w) { w.codes = w.offset; });
  check(ErrorCode::Shape, "w.absmax must have shape [11]",
        [](W& w) { w.absmax = Tensor::empty(device(), DType::U8, {12}); });
  check(ErrorCode::Shape, "w.nestedAbsmax and w.offset must be given with a uint8 absmax",
        [](W& w) { w.offset = Tensor(); });
  check(ErrorCode::Shape, "w.nestedAbsmax and w.offset must be given with a uint8 absmax",
        [](W& w) { w.absmax = Tensor::empty(device(), DType::F32, {11}); });
  check(ErrorCode::Shape, "w.nestedAbsmax must have shape [1]",
        [](W& w) { w.nested_absmax = Tensor::empty(device(), DType::F32, {2}); });
  check(ErrorCode::Dtype, "w.codes must be int8", [](W& w) { w.format = QuantFormat::INT8; });
  check(ErrorCode::Shape, "dimensions must not be negative", [](W& w) { w.rows = -1; });
  check(ErrorCode::Shape, "x must have 71 columns", [](W& w) {
    w = quantized(random_tensor(DType::F32, {10, 71}, 2), QuantFormat::INT8, 0, false);
  });
  check_throws(ErrorCode::Shape, "dequantizeRows: the rows must lie in the 10 of w; got 3 from 8.",
               [&] { ops::dequantize_rows(good, 8, 3, DType::F32); });
  check_throws(ErrorCode::Config, "quantize4bit: the format must be nf4 or fp4; got int8.",
               [&] { ops::quantize_4bit(x, QuantFormat::INT8, 64); });
}

TEST_CASE("a quantised matrix without rows or columns") {
  const QuantizedMatrix rows =
      quantized(Tensor::empty(device(), DType::F32, {0, 70}), QuantFormat::NF4, 64, true);
  CHECK(ops::linear_quantized(random_tensor(DType::F32, {2, 70}, 1), rows, {}, {}, {}, 1.0,
                              DType::F32, false)
            .shape() == Shape{2, 0});
  const QuantizedMatrix columns =
      quantized(Tensor::empty(device(), DType::F32, {3, 0}), QuantFormat::INT8, 0, false);
  CHECK(values_of(ops::linear_quantized(Tensor::empty(device(), DType::F32, {2, 0}), columns, {},
                                        {}, {}, 1.0, DType::F32, false)) ==
        std::vector<double>(6, 0.0));
}

}  // namespace
}  // namespace llft::test

// A few rows times codes, against double precision within the bound of few_rows_codes.h.

#include <cmath>
#include <cstring>
#include <string>

#include "code_products.h"

namespace llft::test {
namespace {

TEST_CASE("gemm: a few rows times codes") {
  const int64_t shapes[][2] = {{1, 64},  {5, 7},    {6, 192}, {33, 129},
                               {9, 576}, {3, 4096}, {7, 1088}};
  for (const CodedForm& form : kCodedForms) {
    for (const DType dtype : kRowTypes) {
      for (const auto& [rows, columns] : shapes) {
        for (const int64_t m : {1, 2, 3, 4, 7}) check_product(form, dtype, false, m, rows, columns);
      }
    }
  }
}

TEST_CASE("gemm: a few rows of float32 times codes, as whole numbers") {
  for (const CodedForm& form : kCodedForms) {
    for (const int64_t m : {1, 4, 7}) {
      check_product(form, DType::F32, true, m, 6, 192);
      check_product(form, DType::F32, true, m, 9, 4096);
    }
  }
}

void check_bits_of_rows(const CodedForm& form, DType dtype) {
  constexpr int64_t kM = 5, kRows = 21, kColumns = 576;
  const CodedMatrix w(form.format, kRows, kColumns, form.block, form.is_double);
  Random random(6);
  const Buffer x = uneven_rows(dtype, kM, kColumns, random);
  Buffer all(DType::F32, kM * kRows), alone(DType::F32, kRows);
  const GemmArgs together = product(w, x, kM, all);
  for (int64_t i = 0; i < kM; ++i) {
    GemmArgs single = product(w, x, 1, alone);
    single.terms[0].a =
        static_cast<const char*>(x.data()) + i * kColumns * static_cast<int64_t>(size_of(dtype));
    run_everywhere(
        {&all, &alone},
        [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
          kernels.gemm(together, pool);
          kernels.gemm(single, pool);
        },
        [&] {
          for (int64_t j = 0; j < kRows; ++j) CHECK(alone.at(j) == all.at(i * kRows + j));
        });
  }
}

TEST_CASE("gemm: a few rows times codes, the bits of a row do not depend on its neighbours") {
  for (const CodedForm& form : kCodedForms) {
    for (const DType dtype : kRowTypes) check_bits_of_rows(form, dtype);
  }
}

// Row j, multiplied by the unit vector of the first element of block `b`, is the absmax of its
// block.
void check_scales(const CodedMatrix& w, DType dtype, int64_t b) {
  const int64_t rows = w.rows, blocks = w.columns / kBlock;
  Buffer x(dtype, w.columns);
  for (int64_t c = 0; c < w.columns; ++c) x.set(c, c == b * kBlock ? 1 : 0);
  Buffer y(DType::F32, rows);
  const GemmArgs args = product(w, x, 1, y);
  bool exact = false;
  run_everywhere(
      {&y},
      [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
        exact = multiplies_codes(kernels, w);
        kernels.gemm(args, pool);
      },
      [&] {
        for (int64_t j = 0; j < rows; ++j) {
          const double absmax = w.absmax_at(j * blocks + b), offset = w.data.offset[0];
          // The map to two units in the last place, the product, the sum, and four factors after
          // it.
          const double size = std::abs(absmax - offset) + std::abs(offset);
          const bool rounded = !exact && dtype == DType::BF16;
          const double bound = rounded
                                   ? kBf16Unit * std::abs(absmax)
                                   : 4 * kF32Unit * size + 6 * kF32Unit * (size + std::abs(absmax));
          CHECK(std::abs(y.at(j) - absmax) <= bound + kTiny);
        }
      });
}

TEST_CASE("gemm: a few rows times codes, every doubly quantised scale by itself") {
  // Every code of a scale, and runs of sixteen blocks that begin before an outer scale and end
  // behind it.
  constexpr int64_t kRows = 17, kBlocks = 17;
  CodedMatrix w(QuantFormat::NF4, kRows, kBlocks * kBlock, kBlock, true);
  memset(w.codes.as<uint8_t>(), 0xff, w.codes.bytes());  // ones
  for (int64_t b = 0; b < kRows * kBlocks; ++b)
    w.absmax_codes.as<uint8_t>()[b] = static_cast<uint8_t>(b);
  for (const DType dtype : kRowTypes) {
    for (int64_t b = 0; b < kBlocks; ++b) check_scales(w, dtype, b);
  }
}

void check_special_rows(const CodedForm& form, DType dtype) {
  const CodedMatrix w(form.format, 5, 128, form.block, form.is_double);
  Random random(7);
  Buffer x = Buffer::random(dtype, 4 * 128, random);
  x.set(3, INFINITY);
  x.set(128 + 100, NAN);
  for (int64_t c = 0; c < 128; ++c) x.set(2 * 128 + c, c % 2 == 0 ? 0.0 : -0.0);
  for (int64_t c = 0; c < 128; ++c) x.set(3 * 128 + c, 0x1p-120);
  Buffer y(DType::F32, 4 * 5);
  const GemmArgs args = product(w, x, 4, y);
  run_everywhere(
      {&y}, [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) { kernels.gemm(args, pool); },
      [&] {
        for (int64_t j = 0; j < 5; ++j) {
          CHECK_FALSE(std::isfinite(y.at(j)));
          CHECK(std::isnan(y.at(5 + j)));
          CHECK(y.at(10 + j) == 0);
          CHECK(std::abs(y.at(15 + j)) <= 128 * 0x1p-120 * 128);
        }
      });
}

TEST_CASE("gemm: a few rows times codes, x that is not finite, zero, or too small to count") {
  for (const CodedForm& form : {kCodedForms.front(), kCodedForms.back()}) {
    for (const DType dtype : kRowTypes) check_special_rows(form, dtype);
  }
}

}  // namespace
}  // namespace llft::test

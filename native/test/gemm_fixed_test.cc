// Many rows times codes as whole numbers, against double precision within the bound of
// gemm_fixed.h.

#include <cmath>

#include "code_products.h"

namespace llft::test {
namespace {

TEST_CASE("gemm: many rows times codes as whole numbers") {
  // Around the widths of tiles, one block of k and several, and a part of a block (int8).
  const int64_t shapes[][2] = {{1, 64}, {17, 129}, {33, 832}, {70, 1600}};
  for (const CodedForm& form : kCodedForms) {
    for (const DType dtype : kRowTypes) {
      for (const auto& [rows, columns] : shapes) {
        for (const int64_t m : {9, 38}) check_product(form, dtype, true, m, rows, columns);
      }
    }
  }
}

// What `fixed_point` changes is the error of the first product alone.
TEST_CASE("gemm: whole numbers beside a second product and a bias") {
  constexpr int64_t kM = 21, kRows = 35, kColumns = 192, kRank = 8;
  const CodedMatrix w(QuantFormat::NF4, kRows, kColumns, kBlock, true);
  Random random(9);
  const Buffer x = uneven_rows(DType::F32, kM, kColumns, random);
  const Buffer h = Buffer::random(DType::F32, kM * kRank, random);
  const Buffer b = Buffer::random(DType::F32, kRows * kRank, random);
  const Buffer bias = Buffer::random(DType::F32, kRows, random);
  Buffer y(DType::F32, kM * kRows);
  GemmArgs args = product(w, x, kM, y);
  args.terms[0].fixed_point = true;
  args.terms[1] = {h.data(), b.data(), kRank, kRank, kRank, false, true, 2.0f};
  args.term_count = 2;
  args.bias = bias.data();
  Factors factors = Factors::kDequantised;
  run_everywhere(
      {&y},
      [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
        factors = factors_of(kernels, w, args);
        kernels.gemm(args, pool);
      },
      [&] {
        for (int64_t i = 0; i < kM; ++i) {
          for (int64_t j = 0; j < kRows; ++j) {
            Expected expected = expected_of(w, x, i, j, factors);
            double size = std::abs(bias.at(j)) + std::abs(expected.value);
            expected.value += bias.at(j);
            for (int64_t r = 0; r < kRank; ++r) {
              const double term = 2 * h.at(i * kRank + r) * b.at(j * kRank + r);
              expected.value += term;
              size += std::abs(term);
            }
            const double bound = expected.bound + (kRank + 4) * kF32Unit * size;
            CHECK(std::abs(y.at(i * kRows + j) - expected.value) <= bound);
          }
        }
      });
}

// More rows than are made ready at a time, and a row alone among others: the same bits.
TEST_CASE("gemm: whole numbers, the bits of a row do not depend on its neighbours") {
  constexpr int64_t kM = 1100, kRows = 20, kColumns = 128, kFew = 9;
  const CodedMatrix w(QuantFormat::NF4, kRows, kColumns, kBlock, false);
  Random random(6);
  const Buffer x = uneven_rows(DType::F32, kM, kColumns, random);
  Buffer all(DType::F32, kM * kRows), some(DType::F32, kFew * kRows);
  GemmArgs together = product(w, x, kM, all);
  together.terms[0].fixed_point = true;
  for (const int64_t first : {int64_t{0}, int64_t{777}, kM - kFew}) {
    GemmArgs part = product(w, x, kFew, some);
    part.terms[0].fixed_point = true;
    part.terms[0].a = x.as<float>() + first * kColumns;
    run_everywhere(
        {&all, &some},
        [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
          kernels.gemm(together, pool);
          kernels.gemm(part, pool);
        },
        [&] {
          for (int64_t i = 0; i < kFew * kRows; ++i) {
            CHECK(some.at(i) == all.at(first * kRows + i));
          }
        });
  }
}

void check_special_rows(const CodedForm& form, DType dtype) {
  constexpr int64_t kM = 9, kRows = 5, kColumns = 128;
  const CodedMatrix w(form.format, kRows, kColumns, form.block, form.is_double);
  Random random(7);
  Buffer x = Buffer::random(dtype, kM * kColumns, random);
  x.set(3, INFINITY);
  x.set(kColumns + 100, NAN);
  for (int64_t c = 0; c < kColumns; ++c) x.set(2 * kColumns + c, c % 2 == 0 ? 0.0 : -0.0);
  Buffer y(DType::F32, kM * kRows);
  GemmArgs args = product(w, x, kM, y);
  args.terms[0].fixed_point = true;
  run_everywhere(
      {&y}, [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) { kernels.gemm(args, pool); },
      [&] {
        for (int64_t j = 0; j < kRows; ++j) {
          CHECK_FALSE(std::isfinite(y.at(j)));
          CHECK(std::isnan(y.at(kRows + j)));
          CHECK(y.at(2 * kRows + j) == 0);
          for (int64_t i = 3; i < kM; ++i) CHECK(std::isfinite(y.at(i * kRows + j)));
        }
      });
}

TEST_CASE("gemm: whole numbers of x that is not finite or zero") {
  for (const CodedForm& form : {kCodedForms.front(), kCodedForms.back()}) {
    for (const DType dtype : kRowTypes) check_special_rows(form, dtype);
  }
}

}  // namespace
}  // namespace llft::test

// Products of rows with codes, as whole numbers or as floats, against double precision: operands
// and the bound of few_rows_codes.h and gemm_fixed.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "coded_matrix.h"
#include "cpu/kernels/gemm.h"
#include "op_check.h"

namespace llft::test {

inline constexpr int64_t kBlock = 64;  // values of x that share a scale
inline constexpr DType kRowTypes[] = {DType::BF16, DType::F32};

// x whose blocks differ in size by powers of two, and whose values do within a block.
inline Buffer uneven_rows(DType dtype, int64_t m, int64_t k, Random& random) {
  Buffer x(dtype, m * k);
  for (int64_t i = 0; i < m * k; ++i) {
    const int block = static_cast<int>(i % k / kBlock % 5) * 4 - 8;
    const int within = -static_cast<int>(random.below(12));
    x.set(i, std::ldexp(random.uniform(), block + within));
  }
  return x;
}

// What is known of one element of the product.
struct Expected {
  double value = 0;
  double bound = 0;
};

// How rows and codes become factors.
enum class Factors {
  kDequantised,  // W rounded to the type of x
  kFloats,       // codes as they are, x in float32
  kFewFixed,     // whole numbers: 14 bits of x, a codebook times 16383
  kManyFixed,    // the same with a codebook times 2047
};

inline Expected expected_of(const CodedMatrix& w, const Buffer& x, int64_t i, int64_t j,
                            Factors factors) {
  const bool is_fixed = factors == Factors::kFewFixed || factors == Factors::kManyFixed;
  const int64_t k = w.columns;
  const bool four_bit = w.data.format != QuantFormat::INT8, is_f32 = x.dtype() == DType::F32;
  const double codebook = factors == Factors::kManyFixed ? 2047 : 16383;
  double sum = 0, size = 0, rounding = 0;
  for (int64_t begin = 0; begin < k; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, k);
    double largest = 0;
    for (int64_t c = begin; c < end; ++c) largest = std::max(largest, std::abs(x.at(i * k + c)));
    for (int64_t c = begin; c < end; ++c) {
      const double value = x.at(i * k + c), weight = w.at(j * k + c);
      sum += value * weight;
      size += std::abs(value * weight);
      // Half of one part in 2^13 of x, and half of one part of the codebook, whose largest value
      // is 1.
      rounding += largest * 0x1p-14 * std::abs(weight);
      if (four_bit) {
        const double absmax = std::abs(w.absmax_at((j * k + c) >> w.data.block_shift));
        rounding += (std::abs(value) + largest * 0x1p-14) * absmax * 0.51 / codebook;
      }
    }
  }
  // Of floats each product is a step; of whole numbers, which are exact, each 64 of them.
  const double steps = static_cast<double>(k) / (is_fixed ? kBlock : 1) + 24;
  const double own = is_fixed ? rounding : (is_f32 ? kF32Unit : kBf16Unit) * size;
  return {sum, own + steps * kF32Unit * (size + own) + kTiny};
}

inline GemmArgs product(const CodedMatrix& w, const Buffer& x, int64_t m, Buffer& y) {
  GemmArgs args;
  args.m = m;
  args.n = w.rows;
  args.in_dtype = x.dtype();
  args.ldc = w.rows;
  args.c = y.data();
  args.terms[0].a = x.data();
  args.terms[0].k = args.terms[0].lda = w.columns;
  args.terms[0].transpose_b = true;
  args.terms[0].quantized = w.data;
  return args;
}

// Whether kernels of this instruction set multiply such codes as they are.
inline bool multiplies_codes(const cpu::Kernels& kernels, const CodedMatrix& w) {
  const bool has_kernel = std::string(kernels.isa).rfind("avx", 0) == 0;
  const int64_t block = int64_t{1} << w.data.block_shift;
  const bool fits =
      w.data.format == QuantFormat::INT8 || (block >= kBlock && w.columns % block == 0);
  return has_kernel && fits;
}

inline Factors factors_of(const cpu::Kernels& kernels, const CodedMatrix& w, const GemmArgs& args) {
  const bool fixed_point = args.terms[0].fixed_point;
  if (!multiplies_codes(kernels, w)) return Factors::kDequantised;
  if (args.m > cpu::kGemmFewRows) {
    const bool fixed = fixed_point && std::string(kernels.isa) == "avx2";
    return fixed ? Factors::kManyFixed : Factors::kDequantised;
  }
  return args.in_dtype == DType::F32 && !fixed_point ? Factors::kFloats : Factors::kFewFixed;
}

inline void check_product(const CodedForm& form, DType dtype, bool fixed_point, int64_t m,
                          int64_t rows, int64_t columns) {
  const CodedMatrix w(form.format, rows, columns, form.block, form.is_double);
  Random random(5);
  const Buffer x = uneven_rows(dtype, m, columns, random);
  Buffer y(DType::F32, m * rows);
  GemmArgs args = product(w, x, m, y);
  args.terms[0].fixed_point = fixed_point;
  CAPTURE(m);
  CAPTURE(rows);
  CAPTURE(columns);
  Factors factors = Factors::kDequantised;
  run_everywhere(
      {&y},
      [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
        factors = factors_of(kernels, w, args);
        kernels.gemm(args, pool);
      },
      [&] {
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < rows; ++j) {
            const Expected expected = expected_of(w, x, i, j, factors);
            CHECK(std::abs(y.at(i * rows + j) - expected.value) <= expected.bound);
          }
        }
      });
}

}  // namespace llft::test

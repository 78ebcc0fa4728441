// Blocks of GGUF: expanded they are the formulas of core/blocks.h, here computed one by one in
// double; products are those with the expanded matrix, bit for bit; and what is quantised lies
// within the steps of its format.
#include "core/blocks.h"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/half.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/quantize_blocks.h"
#include "core/ops.h"
#include "cpu/kernels/gemm.h"
#include "op_check.h"

namespace llft::test {
namespace {

std::vector<QuantFormat> block_formats() {
  std::vector<QuantFormat> formats;
  for (int i = 0; i < kQuantFormats; ++i) {
    const auto format = static_cast<QuantFormat>(i);
    if (is_blocks(format)) formats.push_back(format);
  }
  return formats;
}

// Random blocks whose scales are finite and of the size of weights.
struct BlockMatrix {
  int64_t rows, columns;
  Buffer blocks;
  QuantizedData data;

  BlockMatrix(QuantFormat format, int64_t rows, int64_t columns)
      : rows(rows), columns(columns), blocks(DType::U8, rows * row_bytes(format, columns)) {
    Random random(static_cast<uint64_t>(rows * 1000 + columns));
    for (int64_t i = 0; i < blocks.size(); ++i)
      blocks.as<uint8_t>()[i] = static_cast<uint8_t>(random.below(256));
    with_block(format, [&](auto block) {
      for (int64_t at = 0; at < blocks.size(); at += static_cast<int64_t>(sizeof(block))) {
        memcpy(&block, blocks.as<uint8_t>() + at, sizeof(block));
        set_scales(block, random);
        memcpy(blocks.as<uint8_t>() + at, &block, sizeof(block));
      }
    });
    data.format = format;
    data.columns = columns;
    data.codes = blocks.as<uint8_t>();
  }

  template <class Block>
  static void set_scales(Block& block, Random& random) {
    const auto half = [&](double low, double high) {
      return float_to_half(static_cast<float>(random.uniform(low, high)));
    };
    if constexpr (requires { block.d; }) block.d = half(-0.02, 0.02);
    if constexpr (requires { block.m; }) block.m = half(-0.3, 0.3);
    if constexpr (requires { block.dmin; }) block.dmin = half(0, 0.02);
    if constexpr (requires { block.exponent; })
      block.exponent = static_cast<uint8_t>(118 + random.below(10));
  }

  Buffer expanded(DType dtype) const {
    Buffer out(dtype, rows * columns);
    DequantizeRowsArgs args;
    args.w = data;
    args.count = rows;
    args.dtype = dtype;
    args.out = out.data();
    cpu::available_kernels().front()->dequantize_rows(args, pool_of(1));
    return out;
  }
};

// Bits [shift, shift + count) of a byte.
int bits(uint8_t byte, int shift, int count) { return byte >> shift & ((1 << count) - 1); }

double real(uint16_t half) {
  const double fraction = half & 0x3ff;
  const int exponent = half >> 10 & 31;
  const double size =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1 + fraction / 1024, exponent - 15);
  return half >> 15 ? -size : size;
}

// Scale or minimum `i` of eight pairs of 6 bits.
int six(const uint8_t* s, int i, bool is_minimum) {
  const int low = is_minimum ? 4 : 0;
  if (i < 4) return bits(s[i + low], 0, 6);
  return bits(s[i + 4], is_minimum ? 4 : 0, 4) + 16 * bits(s[i - 4 + low], 6, 2);
}

// Element i of a block, element by element from the layouts.
double value(const BlockQ4_0& b, int i) {
  return real(b.d) * (bits(b.codes[i % 16], i / 16 * 4, 4) - 8);
}
double value(const BlockQ4_1& b, int i) {
  return real(b.d) * bits(b.codes[i % 16], i / 16 * 4, 4) + real(b.m);
}
double value(const BlockQ5_0& b, int i) {
  const int q = bits(b.codes[i % 16], i / 16 * 4, 4) + 16 * bits(b.high[i / 8], i % 8, 1);
  return real(b.d) * (q - 16);
}
double value(const BlockQ5_1& b, int i) {
  const int q = bits(b.codes[i % 16], i / 16 * 4, 4) + 16 * bits(b.high[i / 8], i % 8, 1);
  return real(b.d) * q + real(b.m);
}
double value(const BlockQ8_0& b, int i) { return real(b.d) * b.codes[i]; }
double value(const BlockQ2_K& b, int i) {
  const int q = bits(b.codes[i / 128 * 32 + i % 32], i / 32 % 4 * 2, 2);
  const uint8_t s = b.scales[i / 16];
  return real(b.d) * bits(s, 0, 4) * q - real(b.dmin) * bits(s, 4, 4);
}
double value(const BlockQ3_K& b, int i) {
  const int q =
      bits(b.codes[i / 128 * 32 + i % 32], i / 32 % 4 * 2, 2) + 4 * bits(b.high[i % 32], i / 32, 1);
  const int run = i / 16;
  const int s =
      bits(b.scales[run % 8], run / 8 * 4, 4) + 16 * bits(b.scales[8 + run % 4], run / 4 * 2, 2);
  return real(b.d) * (s - 32) * (q - 4);
}
template <class Block>
double affine(const Block& b, int i, int q) {
  return real(b.d) * six(b.scales, i / 32, false) * q - real(b.dmin) * six(b.scales, i / 32, true);
}
double value(const BlockQ4_K& b, int i) {
  return affine(b, i, bits(b.codes[i / 64 * 32 + i % 32], i / 32 % 2 * 4, 4));
}
double value(const BlockQ5_K& b, int i) {
  const int q = bits(b.codes[i / 64 * 32 + i % 32], i / 32 % 2 * 4, 4);
  return affine(b, i, q + 16 * bits(b.high[i % 32], i / 32, 1));
}
double value(const BlockQ6_K& b, int i) {
  const int q = bits(b.low[i / 128 * 64 + i % 64], i / 64 % 2 * 4, 4) +
                16 * bits(b.high[i / 128 * 32 + i % 32], i / 32 % 4 * 2, 2);
  return real(b.d) * b.scales[i / 16] * (q - 32);
}
double value(const BlockIQ4_NL& b, int i) {
  return real(b.d) * kIq4Values[bits(b.codes[i % 16], i / 16 * 4, 4)];
}
double value(const BlockIQ4_XS& b, int i) {
  const int run = i / 32, within = i % 32;
  const int s = bits(b.scales_low[run / 2], run % 2 * 4, 4) + 16 * (b.scales_high >> 2 * run & 3);
  const uint8_t code = b.codes[16 * run + within % 16];
  return real(b.d) * (s - 32) * kIq4Values[bits(code, within / 16 * 4, 4)];
}
double value(const BlockMXFP4& b, int i) {
  static constexpr double kFp4[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  const int q = bits(b.codes[i % 16], i / 16 * 4, 4);
  return std::ldexp(q & 8 ? -kFp4[q & 7] : kFp4[q & 7], b.exponent - 127);
}

std::vector<double> values_one_by_one(const BlockMatrix& w) {
  std::vector<double> values;
  const int64_t bytes = row_bytes(w.data.format, w.columns);
  with_block(w.data.format, [&](auto block) {
    constexpr int64_t kElements = elements_of<decltype(block)>;
    for (int64_t i = 0; i < w.rows * w.columns; ++i) {
      const uint8_t* row = w.blocks.as<uint8_t>() + i / w.columns * bytes;
      const int64_t column = i % w.columns;
      memcpy(&block, row + column / kElements * static_cast<int64_t>(sizeof(block)), sizeof(block));
      values.push_back(value(block, static_cast<int>(column % kElements)));
    }
  });
  return values;
}

TEST_CASE("half: every float16 there and back, and the nearest of what lies between") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float wide = half_to_float(half);
    const bool is_nan = (half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0;
    CHECK(std::isnan(wide) == is_nan);
    if (!is_nan) CHECK(float_to_half(wide) == half);
    if ((half & 0x7fff) >= 0x7bff || (half & 0x7fff) == 0) continue;
    CHECK(double{wide} == real(half));
    const float next = half_to_float(static_cast<uint16_t>(half + 1));
    const float middle = (wide + next) / 2;
    CHECK(float_to_half(middle) == (half & 1 ? half + 1 : half));
    CHECK(float_to_half(std::nextafter(middle, wide)) == half);
    CHECK(float_to_half(std::nextafter(middle, next)) == half + 1);
  }
  CHECK(float_to_half(65519.99f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
}

TEST_CASE("dequantizeRows: blocks are the formulas, element by element, and any rows of them") {
  for (const QuantFormat format : block_formats()) {
    CAPTURE(name_of(format));
    const int64_t columns = 512, count = 3;
    const BlockMatrix w(format, 5, columns);
    const std::vector<double> all = values_one_by_one(w);
    const std::vector<int32_t> ids = {4, 0, 4};
    for (const bool by_ids : {false, true}) {
      for (const DType dtype : {DType::F32, DType::BF16}) {
        Buffer out(dtype, count * columns);
        DequantizeRowsArgs args;
        args.w = w.data;
        args.start = 1;
        args.ids = by_ids ? ids.data() : nullptr;
        args.rows = w.rows;
        args.count = count;
        args.dtype = dtype;
        args.out = out.data();
        run_everywhere(
            {&out},
            [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
              kernels.dequantize_rows(args, pool);
            },
            [&] {
              Buffer expected(dtype, count * columns);
              for (int64_t i = 0; i < expected.size(); ++i) {
                const int64_t r = i / columns;
                const int64_t row = by_ids ? ids[static_cast<size_t>(r)] : r + 1;
                expected.set(i, all[static_cast<size_t>(row * columns + i % columns)]);
              }
              // Zeros of either sign are one value.
              CHECK(out.values() == expected.values());
            });
      }
    }
  }
}

TEST_CASE("gemm: a B in blocks gives the bits of the dense one") {
  for (const QuantFormat format : block_formats()) {
    CAPTURE(name_of(format));
    const BlockMatrix w(format, 70, 512);
    for (const DType dtype : {DType::F32, DType::BF16}) {
      const Buffer dense = w.expanded(dtype);
      for (const bool transpose : {true, false}) {
        for (const int64_t m : {1, 2, 3, 7, 8, 21}) {
          CAPTURE(m);
          const int64_t n = transpose ? w.rows : w.columns, k = transpose ? w.columns : w.rows;
          Random random(3);
          const Buffer a = Buffer::random(dtype, m * k, random);
          Buffer expected(DType::F32, m * n), actual(DType::F32, m * n);
          GemmArgs args;
          args.m = m;
          args.n = n;
          args.in_dtype = dtype;
          args.ldc = n;
          args.terms[0] = {a.data(), dense.data(), k, k, w.columns, false, transpose, 0.5f};
          args.term_count = 1;
          GemmArgs coded = args;
          coded.terms[0].b = nullptr;
          coded.terms[0].quantized = w.data;
          args.c = expected.data();
          coded.c = actual.data();
          run_everywhere(
              {&expected, &actual},
              [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
                kernels.gemm(args, pool);
                kernels.gemm(coded, pool);
              },
              [&] { CHECK(actual.snapshot() == expected.snapshot()); });
        }
      }
    }
  }
}

// What x may be off, as a part of the largest magnitude of its block: half a step of the codes,
// and for the formats whose scales are quantised too half a step of those. Searches lower the
// sum of squares, not each error: hence twice that.
double largest_error(QuantFormat format) {
  switch (format) {
    case QuantFormat::Q2_K:
      return 0.5;
    case QuantFormat::Q3_K:
      return 0.34;
    case QuantFormat::Q4_0:
    case QuantFormat::Q4_1:
    case QuantFormat::Q4_K:
    case QuantFormat::IQ4_NL:
    case QuantFormat::IQ4_XS:
      return 0.17;
    case QuantFormat::Q8_0:
      return 0.005;
    case QuantFormat::MXFP4:
      return 0.26;
    default:
      return 0.09;
  }
}

TEST_CASE("quantizeBlocks: the same bits everywhere, near to what came in, from any type of it") {
  for (const QuantFormat format : block_formats()) {
    CAPTURE(name_of(format));
    const int64_t rows = 5, columns = 512;
    for (const DType dtype : {DType::F32, DType::BF16}) {
      for (const bool is_weighted : {false, true}) {
        Random random(11);
        const Buffer x = Buffer::random(dtype, rows * columns, random);
        const Buffer importance = Buffer::random(DType::F32, columns, random, 0.5, 2);
        BlockMatrix w(format, rows, columns);
        QuantizeBlocksArgs args;
        args.format = format;
        args.dtype = dtype;
        args.x = x.data();
        args.importance = is_weighted ? importance.as<float>() : nullptr;
        args.rows = rows;
        args.columns = columns;
        args.blocks = w.blocks.as<uint8_t>();
        run_everywhere(
            {&w.blocks},
            [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
              kernels.quantize_blocks(args, pool);
            },
            [&] {
              const std::vector<double> got = values_one_by_one(w);
              double worst = 0;
              for (int64_t i = 0; i < x.size(); ++i) {
                worst = std::max(worst, std::abs(got[static_cast<size_t>(i)] - x.at(i)));
              }
              CHECK(worst > 0);
              CHECK(worst <= largest_error(format));
            });
      }
    }
  }
}

TEST_CASE("quantizeBlocks: rows that it cannot hold, and shapes and formats that are none") {
  for (const double bad : {double(INFINITY), double(NAN)}) {
    const Tensor x = tensor_of(DType::F32, {1, 32}, std::vector<double>(32, bad));
    CHECK_THROWS_AS(values_of(ops::quantize_blocks(x, QuantFormat::Q4_0, Tensor())), Error);
  }
  const Tensor large = tensor_of(DType::F32, {1, 32}, std::vector<double>(32, 1e8));
  CHECK_THROWS_AS(values_of(ops::quantize_blocks(large, QuantFormat::Q8_0, Tensor())), Error);
  const Tensor x = tensor_of(DType::F32, {1, 64}, std::vector<double>(64, 1));
  CHECK_THROWS_AS(ops::quantize_blocks(x, QuantFormat::Q4_K, Tensor()), Error);
  CHECK_THROWS_AS(ops::quantize_blocks(x, QuantFormat::NF4, Tensor()), Error);
  CHECK_THROWS_AS(ops::quantize_blocks(x, QuantFormat::Q4_0,
                                       tensor_of(DType::F32, {1}, std::vector<double>(1, 1))),
                  Error);
}

TEST_CASE("embeddingQuantized: rows by their ids") {
  const Tensor x = tensor_of(DType::F32, {3, 32}, [] {
    std::vector<double> values;
    for (int i = 0; i < 96; ++i) values.push_back(i / 32 + 1);
    return values;
  }());
  QuantizedMatrix w;
  w.format = QuantFormat::Q8_0;
  w.rows = 3;
  w.columns = 32;
  w.codes = ops::quantize_blocks(x, w.format, Tensor());
  const Tensor rows = ops::embedding_quantized(w, tensor_of(DType::I32, {2}, {2, 0}), DType::F32);
  const std::vector<double> values = values_of(rows);
  // 127 times the float16 nearest to 3 / 127 is within 2^-11 of 3.
  CHECK(values[0] == doctest::Approx(3).epsilon(0x1p-11));
  CHECK(values[32] == doctest::Approx(1).epsilon(0x1p-11));
  CHECK_THROWS_AS(
      values_of(ops::embedding_quantized(w, tensor_of(DType::I32, {1}, {3}), DType::F32)), Error);
}

}  // namespace
}  // namespace llft::test

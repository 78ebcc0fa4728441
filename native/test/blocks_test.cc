// Blocks of GGUF: expanded they are the formulas of core/blocks.h, here computed one by one in
// double; products are those with the expanded matrix, bit for bit; and what is quantised has the
// codes nearest to it. That the scales are ggml's is seen in packages/runtime/test/blocks.test.ts.
#include "core/blocks.h"

#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>
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
    cpu::available_kernels().front()->dequantize_rows(rows_into(out, data, 0), pool_of(1));
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
        DequantizeRowsArgs args = rows_into(out, w.data, 1);
        args.ids = by_ids ? ids.data() : nullptr;
        args.rows = w.rows;
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

// Gives every element of a block the code `q`; false where there is none such.
template <class Block>
bool set_codes(Block& block, int q) {
  if constexpr (requires { block.low; }) {
    memset(block.low, (q & 15) * 0x11, sizeof(block.low));
    memset(block.high, (q >> 4) * 0x55, sizeof(block.high));
    return q < 64;
  } else if constexpr (std::is_same_v<Block, BlockQ8_0>) {
    memset(block.codes, q, sizeof(block.codes));
    return q < 256;
  } else {
    constexpr bool is_quarter =
        std::is_same_v<Block, BlockQ2_K> || std::is_same_v<Block, BlockQ3_K>;
    constexpr int kBits = is_quarter ? 2 : 4;
    const int rest = q >> kBits;
    memset(block.codes, is_quarter ? (q & 3) * 0x55 : (q & 15) * 0x11, sizeof(block.codes));
    if constexpr (requires { block.high; }) {
      memset(block.high, rest ? 0xff : 0, sizeof(block.high));
      return rest < 2;
    }
    return rest < 1;
  }
}

// How far each element is from the nearest value that its block could have given it.
std::vector<double> least_errors(const BlockMatrix& w, const Buffer& x) {
  std::vector<double> least(static_cast<size_t>(x.size()), INFINITY);
  with_block(w.data.format, [&](auto block) {
    constexpr int64_t kElements = elements_of<decltype(block)>;
    for (int64_t at = 0; at < x.size(); at += kElements) {
      const auto bytes = static_cast<int64_t>(sizeof(block));
      memcpy(&block, w.blocks.as<uint8_t>() + at / kElements * bytes, sizeof(block));
      for (int q = 0; set_codes(block, q); ++q) {
        for (int i = 0; i < kElements; ++i) {
          double& error = least[static_cast<size_t>(at + i)];
          error = std::min(error, std::abs(value(block, i) - x.at(at + i)));
        }
      }
    }
  });
  return least;
}

TEST_CASE("quantizeBlocks: the same bits everywhere; each element has its nearest code") {
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
              if (is_weighted) return;  // some codes are those of the scale that was tried
              const std::vector<double> got = values_one_by_one(w), least = least_errors(w, x);
              // Codes may be those of the scale and minimum before float16 rounded them by 2^-11.
              // As |x| < 1, scale times code is at most 2 and the minimum 1, of the code that was
              // taken and of the nearest.
              double worst = 0;
              for (size_t i = 0; i < got.size(); ++i) {
                const double error = std::abs(got[i] - x.at(static_cast<int64_t>(i)));
                worst = std::max(worst, error - least[i]);
              }
              CHECK(worst <= 6 * 0x1p-11);
            });
      }
    }
  }
}

TEST_CASE("quantizeBlocks: columns of no importance leave finite blocks") {
  Random random(5);
  std::vector<double> values;
  for (int i = 0; i < 512; ++i) values.push_back(random.uniform());
  const Tensor x = tensor_of(DType::F32, {2, 256}, values);
  std::vector<double> weights(256, 0);
  for (int i = 0; i < 32; ++i) weights[static_cast<size_t>(i)] = 1;
  for (const QuantFormat format : block_formats()) {
    CAPTURE(name_of(format));
    QuantizedMatrix w;
    w.format = format;
    w.rows = 2;
    w.columns = 256;
    w.codes = ops::quantize_blocks(x, format, tensor_of(DType::F32, {256}, weights));
    for (const double got : values_of(ops::dequantize_rows(w, 0, 2, DType::F32)))
      CHECK(std::isfinite(got));
  }
}

TEST_CASE("quantizeBlocks: what it cannot hold, and shapes and formats that are none") {
  const auto row = [](int64_t columns, double value) {
    return tensor_of(DType::F32, {1, columns},
                     std::vector<double>(static_cast<size_t>(columns), value));
  };
  const auto quantize = [](const Tensor& x, QuantFormat format, const Tensor& importance) {
    return values_of(ops::quantize_blocks(x, format, importance));
  };
  for (const double bad : {double(INFINITY), double(NAN)}) {
    check_throws(ErrorCode::Data, "quantizeBlocks: x must be finite; got",
                 [&] { quantize(row(32, bad), QuantFormat::Q4_0, Tensor()); });
  }
  for (const double bad : {-1.0, double(NAN)}) {
    const Tensor importance = tensor_of(DType::F32, {32}, std::vector<double>(32, bad));
    check_throws(ErrorCode::Data, "quantizeBlocks: importance must be finite and not negative",
                 [&] { quantize(row(32, 1), QuantFormat::Q4_0, importance); });
  }
  check_throws(ErrorCode::Data, "quantizeBlocks: float16 must hold the scales of all blocks",
               [&] { quantize(row(32, 1e8), QuantFormat::Q8_0, Tensor()); });
  check_throws(ErrorCode::Shape, "quantizeBlocks: a row of Q4_K must be whole blocks of 256",
               [&] { quantize(row(64, 1), QuantFormat::Q4_K, Tensor()); });
  check_throws(ErrorCode::Config, "quantizeBlocks: the format must be one of GGUF",
               [&] { quantize(row(64, 1), QuantFormat::NF4, Tensor()); });
  check_throws(ErrorCode::Shape, "quantizeBlocks: importance must have shape [64]",
               [&] { quantize(row(64, 1), QuantFormat::Q4_0, row(1, 1)); });
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

// Floats to codes: against the nearest value of the codebook in double precision. A code may be the
// second nearest only where rounding x * (1 / absmax), two roundings of a number up to 1, decides.
#include "core/kernels/quantize.h"

#include <cmath>
#include <vector>

#include "core/dynamic_map.h"
#include "core/ops.h"
#include "op_check.h"

namespace llft::test {
namespace {

double distance(double s, double value) { return std::abs(s - value); }

template <class Values>
double nearest_distance(double s, const Values& values, int count) {
  double best = INFINITY;
  for (int i = 0; i < count; ++i) best = std::min(best, distance(s, values[i]));
  return best;
}

// Numbers with a block of zeros and one outlier.
Buffer weights(DType dtype, int64_t n, Random& random) {
  Buffer x = Buffer::random(dtype, n, random, -0.1, 0.1);
  for (int64_t i = 64; i < std::min<int64_t>(n, 128); ++i) x.set(i, 0);
  x.set(n / 2, 1.7);
  return x;
}

double largest(const Buffer& x, int64_t begin, int64_t end) {
  double most = 0;
  for (int64_t i = begin; i < end; ++i) most = std::max(most, std::abs(x.at(i)));
  return most;
}

int code_at(const Buffer& codes, int64_t i) {
  const uint8_t byte = codes.as<uint8_t>()[i / 2];
  return i % 2 == 0 ? byte >> 4 : byte & 15;
}

void check_4bit(QuantFormat format, DType dtype, int64_t n, int64_t block) {
  Random random(static_cast<uint64_t>(n + block));
  const Buffer x = weights(dtype, n, random);
  const int64_t blocks = (n + block - 1) / block;
  Buffer codes(DType::U8, (n + 1) / 2), absmax(DType::F32, blocks);
  Quantize4bitArgs args{format, dtype, x.data(), n, block, codes.as<uint8_t>(), absmax.as<float>()};
  run_everywhere(
      {&codes, &absmax},
      [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
        kernels.quantize_4bit(args, pool);
      },
      [&] {
        int64_t wrong = 0;
        for (int64_t i = 0; i < n; ++i) {
          const int64_t begin = i / block * block;
          const double most = largest(x, begin, std::min(n, begin + block));
          if (absmax.at(i / block) != most) ++wrong;
          const double s = most > 0 ? x.at(i) / most : 0;
          const float* values = codebook_of(format);
          const double off = distance(s, values[code_at(codes, i)]);
          if (off > nearest_distance(s, values, 16) + 4 * kF32Unit) ++wrong;
        }
        CHECK(wrong == 0);
        if (n % 2 == 1) CHECK(codebook_of(format)[code_at(codes, n)] == 0.0f);
      });
}

TEST_CASE("quantize4bit: absmax, nearest codes, blocks of zeros, parts of blocks and of bytes") {
  for (const QuantFormat format : {QuantFormat::NF4, QuantFormat::FP4}) {
    for (const DType dtype : {DType::F32, DType::BF16}) {
      for (const int64_t block : {32, 64, 512}) {
        for (const int64_t n : {1, 7, 33, 129, 576, 1651}) check_4bit(format, dtype, n, block);
      }
    }
  }
}

TEST_CASE("quantize4bit: a value half-way takes the lower code, one above it the upper") {
  for (const QuantFormat format : {QuantFormat::NF4}) {
    const float* values = codebook_of(format);
    Buffer x(DType::F32, 32);
    for (int i = 0; i < 15; ++i) {
      const float middle = (values[i] + values[i + 1]) / 2.0f;
      x.set(2 * i, middle);
      x.set(2 * i + 1, std::nextafter(middle, 2.0f));
    }
    x.set(30, 1.0);
    x.set(31, -1.0);
    Buffer codes(DType::U8, 16), absmax(DType::F32, 1);
    Quantize4bitArgs args{format, DType::F32,          x.data(),          32,
                          32,     codes.as<uint8_t>(), absmax.as<float>()};
    run_everywhere(
        {&codes, &absmax},
        [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
          kernels.quantize_4bit(args, pool);
        },
        [&] {
          for (int i = 0; i < 15; ++i) {
            CHECK(code_at(codes, 2 * i) == i);
            CHECK(code_at(codes, 2 * i + 1) == i + 1);
          }
        });
  }
}

TEST_CASE("quantize4bit: NaN and infinity make the absmax of their block NaN, and no other") {
  for (const double bad : {static_cast<double>(NAN), static_cast<double>(-INFINITY)}) {
    Random random(5);
    Buffer x = Buffer::random(DType::F32, 192, random);
    x.set(70, bad);
    Buffer codes(DType::U8, 96), absmax(DType::F32, 3);
    Quantize4bitArgs args{QuantFormat::NF4,    DType::F32,        x.data(), 192, 64,
                          codes.as<uint8_t>(), absmax.as<float>()};
    run_everywhere(
        {&codes, &absmax},
        [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
          kernels.quantize_4bit(args, pool);
        },
        [&] {
          CHECK(std::isnan(absmax.at(1)));
          CHECK(std::isfinite(absmax.at(0)));
          CHECK(std::isfinite(absmax.at(2)));
        });
  }
}

TEST_CASE("quantize8bit and back: offset, absmax, and values within a cell of the nearest") {
  for (const bool is_signed : {true, false}) {
    for (const int64_t n : {1, 26, 255, 256, 257, 5184}) {
      Random random(static_cast<uint64_t>(n));
      Buffer x = Buffer::random(DType::F32, n, random, 0, 0.3);
      if (n > 20) x.set(3, 1.7);
      const int64_t blocks = (n + 255) / 256;
      Buffer codes(DType::U8, n), absmax(DType::F32, blocks), offset(DType::F32, 1),
          back(DType::F32, n);
      Quantize8bitArgs args{x.as<float>(),
                            n,
                            256,
                            is_signed,
                            codes.as<uint8_t>(),
                            absmax.as<float>(),
                            is_signed ? offset.as<float>() : nullptr};
      const Dequantize8bitArgs back_args{
          codes.as<uint8_t>(), absmax.as<float>(), args.offset, n, 256,
          is_signed,           back.as<float>()};
      run_everywhere(
          {&codes, &absmax, &offset, &back},
          [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
            kernels.quantize_8bit(args, pool);
            kernels.dequantize_8bit(back_args, pool);
          },
          [&] {
            double sum = 0;
            for (int64_t i = 0; i < n; ++i) sum += x.at(i);
            const double mean = is_signed ? offset.at(0) : 0;
            // Sums of up to n / 32 + 50 numbers along any path.
            if (is_signed) CHECK(std::abs(mean - sum / n) <= (n / 32 + 50) * kF32Unit * (sum / n));
            int64_t wrong = 0;
            for (int64_t i = 0; i < n; ++i) {
              const double most = absmax.at(i / 256);
              const double d = static_cast<float>(x.at(i)) - static_cast<float>(mean);
              if (std::abs(d) > most) ++wrong;
              const double s = most > 0 ? d / most : 0;
              const float* values = dynamic_map(is_signed).values;
              const double value = values[codes.as<uint8_t>()[i]];
              // Half a cell either way, as the value in the middle of the cell decides.
              if (most > 0 && distance(s, value) >
                                  nearest_distance(s, values, 256) + 1 / 32767.5 + 4 * kF32Unit)
                ++wrong;
              const float product = static_cast<float>(value * most);
              if (back.at(i) != static_cast<float>(product + static_cast<float>(mean))) ++wrong;
            }
            CHECK(wrong == 0);
          });
    }
  }
}

TEST_CASE("dequantize8bit: values of the map times their absmax, plus the offset") {
  const Tensor codes = tensor_of(DType::U8, {3}, {255, 127, 0});
  const Tensor absmax = tensor_of(DType::F32, {1}, {2}), offset = tensor_of(DType::F32, {1}, {0.5});
  const float lowest = 2 * dynamic_map(true).values[0];
  CHECK(values_of(ops::dequantize_8bit(codes, absmax, offset, true, 256)) ==
        std::vector<double>{2.5, 0.5, lowest + 0.5f});
  CHECK(values_of(ops::dequantize_8bit(codes, absmax, Tensor(), true, 256)) ==
        std::vector<double>{2, 0, lowest});
}

TEST_CASE("quantizeInt8: each row has its scale, and each code is the nearest") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const int64_t columns : {1, 5, 64, 301}) {
      Random random(static_cast<uint64_t>(columns));
      const int64_t rows = 4;
      Buffer x = Buffer::random(dtype, rows * columns, random, -0.1, 0.1);
      for (int64_t c = 0; c < columns; ++c) x.set(2 * columns + c, 0);
      Buffer codes(DType::I8, rows * columns), absmax(DType::F32, rows);
      QuantizeInt8Args args{dtype, x.data(), rows, columns, codes.as<int8_t>(), absmax.as<float>()};
      run_everywhere(
          {&codes, &absmax},
          [&](const cpu::Kernels& kernels, cpu::ThreadPool& pool) {
            kernels.quantize_int8(args, pool);
          },
          [&] {
            int64_t wrong = 0;
            for (int64_t i = 0; i < rows * columns; ++i) {
              const double most = largest(x, i / columns * columns, (i / columns + 1) * columns);
              const double scale = most / 127;
              if (std::abs(absmax.at(i / columns) - scale) > kF32Unit * scale) ++wrong;
              const double s = most > 0 ? x.at(i) / scale : 0;
              // Three roundings of a number up to 127.
              if (distance(s, codes.as<int8_t>()[i]) > 0.5 + 3 * 127 * kF32Unit) ++wrong;
            }
            CHECK(wrong == 0);
          });
    }
  }
}

}  // namespace
}  // namespace llft::test

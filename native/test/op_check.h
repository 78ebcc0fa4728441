// What the tests of kernels and ops share: guarded operands, runs on every instruction set and
// thread count, comparisons with double-precision references, tensors in and out of the device.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <future>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "core/check.h"
#include "core/device.h"
#include "core/dtype.h"
#include "core/error.h"
#include "core/host_data.h"
#include "core/kernels/dequantize.h"
#include "core/rng.h"
#include "core/tensor.h"
#include "cpu/isa.h"
#include "cpu/thread_pool.h"
#include "device_under_test.h"
#include "doctest/doctest.h"
#include "guarded.h"

namespace llft::test {

// ---- numbers ------------------------------------------------------------------------------------
// Unit roundoff: half the distance from 1 to the next number.
inline constexpr double kF32Unit = 0x1p-24;
inline constexpr double kBf16Unit = 0x1p-8;
inline constexpr double kTiny = 0x1p-126;  // below it, rounding errors are absolute

inline double unit(DType dtype) { return dtype == DType::BF16 ? kBf16Unit : kF32Unit; }

// The bound of a float32 value within `bound` of `value`, once it is stored as dtype.
inline double stored(DType dtype, double value, double bound) {
  return bound + (dtype == DType::BF16 ? kBf16Unit * (std::abs(value) + bound) : 0) + kTiny;
}

inline float widen_bf16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

inline uint16_t round_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}
  double uniform(double low = -1, double high = 1) {
    return low + (high - low) * (next() * 0x1p-32);
  }
  int64_t below(int64_t n) {
    return static_cast<int64_t>(next() * 0x1p-32 * static_cast<double>(n));
  }
  uint32_t next() { return Philox::element(seed_, index_++); }

 private:
  uint64_t seed_;
  uint64_t index_ = 0;
};

// Sizes on both sides of every vector width, and some that take several vectors.
inline std::vector<int64_t> tail_sizes() {
  return {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 131};
}

// ---- operands -----------------------------------------------------------------------------------
// n elements that end right before an unreadable page, with a checked pattern in front of them; so
// they are aligned to their element only. They begin as NaN (or an unlikely integer).
class Buffer {
 public:
  Buffer(DType dtype, int64_t n)
      : dtype_(dtype), n_(n), memory_(kFront + static_cast<size_t>(n) * size_of(dtype)) {
    memset(memory_.as<char>(), 0xff, kFront + bytes());
  }
  Buffer(DType dtype, const std::vector<double>& values)
      : Buffer(dtype, static_cast<int64_t>(values.size())) {
    for (int64_t i = 0; i < n_; ++i) set(i, values[static_cast<size_t>(i)]);
  }
  static Buffer random(DType dtype, int64_t n, Random& random, double low = -1, double high = 1) {
    Buffer buffer(dtype, n);
    for (int64_t i = 0; i < n; ++i) buffer.set(i, random.uniform(low, high));
    return buffer;
  }

  void set(int64_t i, double value) {
    if (dtype_ == DType::BF16) {
      const uint16_t bits = round_bf16(static_cast<float>(value));
      memcpy(as<uint16_t>() + i, &bits, 2);
    } else if (dtype_ == DType::I32) {
      const int32_t integer = static_cast<int32_t>(value);
      memcpy(as<int32_t>() + i, &integer, 4);
    } else if (dtype_ == DType::U8) {
      as<uint8_t>()[i] = static_cast<uint8_t>(value);
    } else {
      const float real = static_cast<float>(value);
      memcpy(as<float>() + i, &real, 4);
    }
  }
  double at(int64_t i) const {
    if (dtype_ == DType::BF16) return widen_bf16(as<uint16_t>()[i]);
    if (dtype_ == DType::I32) return as<int32_t>()[i];
    if (dtype_ == DType::U8) return as<uint8_t>()[i];
    return as<float>()[i];
  }
  std::vector<double> values() const {
    std::vector<double> all(static_cast<size_t>(n_));
    for (int64_t i = 0; i < n_; ++i) all[static_cast<size_t>(i)] = at(i);
    return all;
  }

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(memory_.as<char>() + kFront);
  }
  void* data() const { return as<char>(); }
  DType dtype() const { return dtype_; }
  int64_t size() const { return n_; }
  size_t bytes() const { return static_cast<size_t>(n_) * size_of(dtype_); }
  std::vector<char> snapshot() const { return {as<char>(), as<char>() + bytes()}; }
  void restore(const std::vector<char>& from) { std::copy(from.begin(), from.end(), as<char>()); }
  bool front_intact() const {
    const char* front = memory_.as<char>();
    return std::all_of(front, front + kFront, [](char c) { return c == static_cast<char>(0xff); });
  }

 private:
  static constexpr size_t kFront = 128;
  DType dtype_;
  int64_t n_;
  Guarded memory_;
};

// ---- runs ---------------------------------------------------------------------------------------
inline cpu::ThreadPool& pool_of(int threads) {
  static cpu::ThreadPool one(1), two(2), three(3);
  return threads == 1 ? one : threads == 2 ? two : three;
}

// run(kernels, pool) on each instruction set of this machine: once with 1 thread, followed by
// check(); then with 2 and 3 threads, which must give the same bits. Before each run the outputs
// hold what they hold now.
template <class Run, class Check>
void run_everywhere(std::initializer_list<Buffer*> outputs, const Run& run, const Check& check) {
  std::vector<std::vector<char>> before;
  for (Buffer* output : outputs) before.push_back(output->snapshot());
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    INFO("instruction set ", std::string(kernels->isa));
    std::vector<std::vector<char>> first;
    for (const int threads : {1, 2, 3}) {
      INFO(threads, " threads");
      size_t i = 0;
      for (Buffer* output : outputs) output->restore(before[i++]);
      run(*kernels, pool_of(threads));
      for (Buffer* output : outputs) CHECK(output->front_intact());
      if (threads == 1) {
        for (Buffer* output : outputs) first.push_back(output->snapshot());
        check();
      } else {
        i = 0;
        for (Buffer* output : outputs) CHECK(output->snapshot() == first[i++]);
      }
    }
  }
  size_t i = 0;
  for (Buffer* output : outputs) output->restore(before[i++]);
}

// Rows [start, start + count) of a matrix in codes, count being that of `out`.
inline DequantizeRowsArgs rows_into(const Buffer& out, const QuantizedData& w, int64_t start) {
  DequantizeRowsArgs args;
  args.w = w;
  args.start = start;
  args.count = out.size() / w.columns;
  args.dtype = out.dtype();
  args.out = out.data();
  return args;
}

// ---- comparisons --------------------------------------------------------------------------------
// |actual[i] - expected[i]| <= bound(i) for all i; infinities and NaN must be equal in kind.
template <class Bound>
void check_close(const std::vector<double>& actual, const std::vector<double>& expected,
                 const Bound& bound) {
  REQUIRE(actual.size() == expected.size());
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const bool same =
        actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]));
    const double error = std::abs(actual[i] - expected[i]);
    const double ratio = same                   ? 0
                         : std::isfinite(error) ? error / bound(static_cast<int64_t>(i))
                                                : INFINITY;
    if (!(ratio <= worst)) {
      worst = ratio;
      where = i;
    }
  }
  if (actual.empty()) return;
  INFO("worst at ", where, ": ", actual[where], " instead of ", expected[where], ", error/bound ",
       worst);
  CHECK(worst <= 1);
}

// The analytic gradient of a scalar function against central differences of itself in double
// precision: `grad[i]` is to be the derivative of f at x[i]. The error of the difference is step^2
// / 6 times the third derivative, plus rounding.
template <class F>
void check_gradient(const F& f, std::vector<double> x, const std::vector<double>& grad,
                    double tolerance) {
  const double step = 1e-5;
  std::vector<double> differences(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double saved = x[i];
    x[i] = saved + step;
    const double above = f(x);
    x[i] = saved - step;
    const double below = f(x);
    x[i] = saved;
    differences[i] = (above - below) / (2 * step);
  }
  check_close(grad, differences, [&](int64_t) { return tolerance; });
}

// ---- tensors ------------------------------------------------------------------------------------
// Waits for everything that the device has to do.
inline void synchronize(Device& device = test::device()) {
  std::promise<void> done;
  device.stream().notify("test", [&](const StreamError*) { done.set_value(); });
  done.get_future().wait();
}

inline Tensor tensor_of(DType dtype, const Shape& shape, const std::vector<double>& values) {
  const Buffer buffer(dtype, values);
  return from_bytes(device(), buffer.data(), buffer.bytes(), dtype, shape);
}

// Throws the error of the computation that was to make the tensor.
inline std::vector<double> values_of(const Tensor& tensor) {
  const std::shared_ptr<char[]> bytes(new char[tensor.bytes()]);
  std::promise<Fault> done;
  tensor.device().read("test", tensor, bytes, [&](const StreamError* error) {
    done.set_value(error ? Fault(*error) : std::nullopt);
  });
  const Fault fault = done.get_future().get();
  if (fault) throw Error(fault->code, fault->message);
  Buffer buffer(tensor.dtype(), tensor.numel());
  if (buffer.bytes() > 0) memcpy(buffer.data(), bytes.get(), buffer.bytes());
  return buffer.values();
}

// call() must throw an llft::Error with this code whose text contains `text`.
template <class Call>
void check_throws(ErrorCode code, const std::string& text, const Call& call) {
  std::string message = "nothing was thrown";
  try {
    call();
  } catch (const Error& error) {
    message = error.what();
    CHECK(error.code() == code);
  }
  INFO("message: ", message);
  CHECK(message.find(text) != std::string::npos);
}

}  // namespace llft::test

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/ops.h"
#include "cpu/cpu_stream.h"
#include "doctest/doctest.h"
#include "op_check.h"

namespace llft {
namespace {

Fault wait_for(cpu::CpuStream& stream, Uses uses = {}) {
  std::promise<Fault> done;
  stream.notify(
      "test",
      [&](const StreamError* error) { done.set_value(error ? Fault(*error) : std::nullopt); },
      std::move(uses));
  return done.get_future().get();
}

TEST_CASE("stream: work runs in order, on one thread that is not the caller's") {
  cpu::CpuStream stream;
  std::vector<int> order;
  std::thread::id thread;
  for (int i = 0; i < 1000; ++i) {
    stream.enqueue("op", [&order, &thread, i] {
      order.push_back(i);
      thread = std::this_thread::get_id();
    });
  }
  CHECK_FALSE(wait_for(stream));
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(order[static_cast<size_t>(i)] == i);
  CHECK(thread != std::this_thread::get_id());
}

TEST_CASE("stream: enqueueing does not wait for work") {
  cpu::CpuStream stream;
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  stream.enqueue("slow", [opened] { opened.wait(); });
  std::atomic<int> ran{0};
  for (int i = 0; i < 5000; ++i) stream.enqueue("op", [&] { ++ran; });
  CHECK(ran == 0);
  CHECK(stream.enqueued() == 5001);
  CHECK(stream.completed() == 0);
  gate.set_value();
  CHECK_FALSE(wait_for(stream));
  CHECK(ran == 5000);
}

using test::tensor_of;
using test::values_of;

// The error that reading `tensor` gives, or "none".
std::string error_of(const Tensor& tensor) {
  try {
    values_of(tensor);
    return "none";
  } catch (const Error& error) {
    return error.what();
  }
}

const Tensor ones() { return tensor_of(DType::F32, {2}, {1, 1}); }

// Rows of a table of two, of which the second is none.
Tensor broken() {
  return ops::gather_rows(tensor_of(DType::F32, {2, 1}, {1, 1}),
                          tensor_of(DType::I32, {2}, {0, 7}));
}

TEST_CASE(
    "stream: an error reaches what is computed from the failed computation, and nothing else") {
  const Tensor bad = ops::view(broken(), {2});
  const Tensor derived = ops::add(ops::scale(bad, 2), ones());
  const Tensor other = ops::add(ones(), ones());
  CHECK(error_of(bad) == "gatherRows: each row must be in [0, 2); got 7.");
  CHECK(error_of(derived) == "gatherRows: each row must be in [0, 2); got 7.");
  CHECK(values_of(other) == std::vector<double>{2, 2});
  CHECK(error_of(ops::add(bad, ones())) == "gatherRows: each row must be in [0, 2); got 7.");
}

TEST_CASE("stream: what is written whole is whole again, what is written in part is not") {
  const Tensor bad = ops::view(broken(), {2});
  const Tensor sum = ones(), table = tensor_of(DType::F32, {3, 1}, {1, 2, 3});
  ops::accumulate(sum, bad);
  ops::copy(ops::view(bad, {2, 1}), ops::slice_rows(table, 0, 2));
  CHECK(error_of(sum).find("gatherRows") == 0);
  ops::accumulate(sum, ones());
  CHECK(error_of(sum).find("gatherRows") == 0);
  CHECK(error_of(ops::slice_rows(table, 2, 1)).find("gatherRows") == 0);
  ops::copy(tensor_of(DType::F32, {2, 1}, {5, 6}), ops::slice_rows(table, 0, 2));
  CHECK(error_of(table).find("gatherRows") == 0);
  ops::fill(sum, 4);
  CHECK(values_of(sum) == std::vector<double>{4, 4});
  ops::fill(table, 4);
  CHECK(values_of(table) == std::vector<double>{4, 4, 4});
}

TEST_CASE("stream: every op passes on the error of each of its operands") {
  // Operands of float32 [2, 2] all, so that one place can be broken after the other.
  using Operands = std::vector<Tensor>;
  const auto first = [](const auto& results) { return std::get<0>(results); };
  const auto second = [](const auto& results) { return std::get<1>(results); };
  const std::vector<int64_t> segment = {0, 2, 0, 2};
  const auto heads = [](const Tensor& x) { return ops::view(x, {2, 1, 2}); };
  const auto flat = [](const Tensor& x) { return ops::view(x, {4}); };
  const auto row = [&](const Tensor& x) { return ops::slice_rows(flat(x), 0, 2); };
  const auto one = [&](const Tensor& x) { return ops::slice_rows(flat(x), 0, 1); };
  const auto column = [](const Tensor& x) { return ops::slice_columns(x, 0, 1); };
  const auto quantized = [](const Tensor& x) {
    const auto [codes, absmax] = ops::quantize_int8(x);
    return QuantizedMatrix{QuantFormat::INT8, 2, 2, 0, codes, absmax, Tensor(), Tensor()};
  };
  const auto ids = tensor_of(DType::I32, {2}, {0, 1});
  const std::vector<std::pair<size_t, std::function<Tensor(const Operands&)>>> cases = {
      {1, [&](const Operands& x) { return ops::cast(x[0], DType::BF16); }},
      {1, [&](const Operands& x) { return ops::slice_columns(x[0], 0, 1); }},
      {2, [&](const Operands& x) { return ops::concat_columns(x); }},
      {1, [&](const Operands& x) { return ops::gather_rows(x[0], ids); }},
      {1, [&](const Operands& x) { return ops::scatter_add_rows(x[0], ids, 2); }},
      {2, [&](const Operands& x) { return ops::scatter_rows(x[0], ids, x[1]), x[1]; }},
      {2, [&](const Operands& x) { return ops::add(x[0], x[1]); }},
      {2, [&](const Operands& x) { return ops::mul(x[0], x[1]); }},
      {1, [&](const Operands& x) { return ops::scale(x[0], 2); }},
      {2, [&](const Operands& x) { return ops::accumulate(x[0], x[1]), x[0]; }},
      {2, [&](const Operands& x) { return ops::mul_columns_dv(x[0], x[1]); }},
      {1, [&](const Operands& x) { return ops::sum_rows(x[0]); }},
      {1, [&](const Operands& x) { return ops::reduce_sum(x[0]); }},
      {2, [&](const Operands& x) { return ops::sum_squares(x); }},
      {1, [&](const Operands& x) { return ops::row_norms(x[0]); }},
      {1, [&](const Operands& x) { return ops::dropout(x[0], 0.5, 1, 0); }},
      {1, [&](const Operands& x) { return ops::embedding(x[0], ids); }},
      {1, [&](const Operands& x) { return ops::embedding_backward(x[0], ids, 2); }},
      {4,
       [&](const Operands& x) {
         return ops::linear(x[0], x[1], Tensor(), x[2], x[3], 1, DType::F32);
       }},
      {4, [&](const Operands& x) { return ops::linear_dx(x[0], x[1], 1, x[2], x[3]); }},
      {2, [&](const Operands& x) { return ops::linear_dw(x[0], x[1], 1); }},
      {1,
       [&](const Operands& x) { return second(ops::quantize_4bit(x[0], QuantFormat::NF4, 32)); }},
      {1, [&](const Operands& x) { return second(ops::quantize_int8(x[0])); }},
      {1,
       [&](const Operands& x) { return second(ops::quantize_8bit(flat(x[0]), true, 32, false)); }},
      {2, [&](const Operands& x) { return first(ops::swiglu_backward(x[0], x[1], x[1])); }},
      {2, [&](const Operands& x) { return ops::swiglu(x[0], x[1]); }},
      {2,
       [&](const Operands& x) {
         return first(ops::rms_norm(x[0], x[1], tensor_of(DType::F32, {2}, {1, 1}), 1e-5));
       }},
      {3,
       [&](const Operands& x) {
         return first(ops::attention(heads(x[0]), heads(x[1]), heads(x[2]), segment, 1, 0));
       }},
      {5,
       [&](const Operands& x) {
         const Tensor lse = tensor_of(DType::F32, {2, 1}, {0, 0});
         return first(ops::attention_backward(heads(x[0]), heads(x[1]), heads(x[2]), heads(x[3]),
                                              heads(x[4]), lse, segment, 1, 0));
       }},
      {1, [&](const Operands& x) { return first(ops::cross_entropy(x[0], ids, 0, false)); }},
      {2,
       [&](const Operands& x) {
         return first(ops::linear_cross_entropy(x[0], x[1], ids, 0, false, false));
       }},
      {1, [&](const Operands& x) { return ops::sample(x[0], 0, 0, 1, 0, {1, 2}, 0); }},
      {2, [&](const Operands& x) { return ops::mul_columns(x[0], row(x[1])); }},
      {1, [&](const Operands& x) { return first(ops::clip_factor(one(x[0]), 1, 1)); }},
      {1, [&](const Operands& x) { return ops::slice_rows(x[0], 0, 1); }},
      {1,
       [&](const Operands& x) {
         const Tensor target = tensor_of(DType::F32, {2, 2}, {1, 2, 3, 4});
         return ops::copy(x[0], target), target;
       }},
      {3,
       [&](const Operands& x) {
         const Tensor positions = tensor_of(DType::I32, {2}, {0, 1});
         return ops::rope(heads(x[0]), column(x[1]), column(x[2]), positions, false);
       }},
      {4,
       [&](const Operands& x) {
         return first(ops::rms_norm_backward(x[0], x[1], row(x[2]), row(x[3]), Tensor(), false));
       }},
      {3,
       [&](const Operands& x) {
         const Tensor dsum = x[2];
         return first(ops::rms_norm_backward(x[0], x[1], row(x[0]), row(x[0]), dsum, false));
       }},
      {1,
       [&](const Operands& x) {
         const auto [codes, absmax, offset] = ops::quantize_8bit(flat(x[0]), true, 32, false);
         return ops::dequantize_8bit(codes, absmax, Tensor(), true, 32);
       }},
      {1,
       [&](const Operands& x) { return ops::dequantize_rows(quantized(x[0]), 0, 2, DType::F32); }},
      {2,
       [&](const Operands& x) {
         return ops::linear_quantized(x[0], quantized(x[1]), Tensor(), Tensor(), Tensor(), 1,
                                      DType::F32, false);
       }},
      {2,
       [&](const Operands& x) {
         return ops::linear_quantized_dx(x[0], quantized(x[1]), 1, Tensor(), Tensor());
       }},
  };
  for (size_t op = 0; op < cases.size(); ++op) {
    const auto& [count, call] = cases[op];
    for (size_t wrong = 0; wrong <= count; ++wrong) {
      Operands operands;
      for (size_t i = 0; i < count; ++i) {
        const Tensor x = tensor_of(DType::F32, {2, 2}, {1, 2, 3, 4});
        if (i == wrong) ops::accumulate(x, ops::concat_columns({broken(), broken()}));
        operands.push_back(x);
      }
      CAPTURE(op);
      CAPTURE(wrong);
      const std::string error = error_of(call(operands));
      CHECK((wrong == count ? error == "none" : error.find("gatherRows") == 0));
    }
  }
}

TEST_CASE("stream: a step of an optimiser that cannot be taken leaves what it would have updated") {
  const Tensor gradient = ops::view(broken(), {2}), factor = tensor_of(DType::F32, {1}, {1});
  const Tensor p = ones(), m = ones(), v = ones(), scale = tensor_of(DType::F32, {1}, {1});
  const Tensor codes = tensor_of(DType::U8, {2}, {7, 7});
  ops::adamw_step(p, gradient, m, v, factor, {0.1, 0.9, 0.99, 1e-8, 0.5, 1});
  ops::adamw8bit_step(p, gradient, codes, codes, scale, scale, factor,
                      {0.1, 0.9, 0.99, 1e-8, 0.5, 1});
  ops::lion_step(p, gradient, m, factor, {0.1, 0.9, 0.99, 0.5});
  ops::sgd_step(p, gradient, m, factor, {0.1, 0.9, 0.5, 2});
  ops::adafactor_step(p, gradient, Tensor(), Tensor(), v, m, factor,
                      {0.1, 0.9, 0.9, 1e-30, 1e-3, 1, true, 0.5});
  for (const Tensor& kept : {p, m, v}) CHECK(values_of(kept) == std::vector<double>{1, 1});
  CHECK(values_of(codes) == std::vector<double>{7, 7});
  CHECK(values_of(scale) == std::vector<double>{1});
}

TEST_CASE("stream: memory that is freed does not pass its error on") {
  const void* memory;
  {
    const Tensor bad = Tensor::empty(test::device(), DType::F32, {2, 1});
    memory = bad.data();
    ops::copy(broken(), bad);
    test::synchronize();
  }
  const Tensor next = Tensor::empty(test::device(), DType::F32, {2});
  CHECK(next.data() == memory);
  ops::accumulate(next, ones());  // reads what is there
  CHECK(error_of(next) == "none");
}

TEST_CASE("stream: errors of every kind bear the op's name") {
  cpu::CpuStream stream;
  const Tensor result = ones();
  const auto message_of = [&](std::function<void()> work) {
    stream.enqueue("someOp", std::move(work), Uses().writes({&result}));
    const auto error = wait_for(stream, Uses().reads({&result}));
    return error ? error->message : "none";
  };
  CHECK(message_of([] { throw std::runtime_error("broke"); }) == "someOp: broke");
  CHECK(message_of([] { throw std::bad_alloc(); }).find("someOp: working memory") == 0);
  CHECK(message_of([] { throw 7; }).find("someOp: ") == 0);
  CHECK(message_of([] { throw Error(ErrorCode::Dtype, "inner text"); }) == "someOp: inner text");
  CHECK(message_of([] {}) == "none");
}

TEST_CASE("stream: a program that never waits is told so before its queue eats the memory") {
  cpu::CpuStream stream;
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  stream.enqueue("slow", [opened] { opened.wait(); });
  test::check_throws(ErrorCode::Device, "operations may wait at once", [&] {
    for (uint64_t i = 0; i <= cpu::CpuStream::kMaxPending; ++i) stream.enqueue("op", [] {});
  });
  gate.set_value();
  CHECK_FALSE(wait_for(stream));
}

TEST_CASE("stream: ends after what is queued, from several threads at once") {
  std::atomic<int> ran{0};
  {
    cpu::CpuStream stream;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20000; ++i) stream.enqueue("op", [&] { ++ran; });
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(ran == 80000);
}

TEST_CASE("stream: wakes up after a sleep") {
  cpu::CpuStream stream;
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(i * 20));
    CHECK_FALSE(wait_for(stream));
  }
}

}  // namespace
}  // namespace llft

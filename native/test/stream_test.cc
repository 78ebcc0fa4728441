#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "cpu/cpu_stream.h"
#include "doctest/doctest.h"
#include "op_check.h"

namespace llft {
namespace {

std::optional<StreamError> wait_for(cpu::CpuStream& stream) {
  std::promise<std::optional<StreamError>> done;
  stream.notify("test", [&](const StreamError* error) {
    done.set_value(error ? std::optional<StreamError>(*error) : std::nullopt);
  });
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

TEST_CASE(
    "stream: the first error is kept with its op, later work is skipped and refused until reset") {
  cpu::CpuStream stream;
  std::atomic<bool> later_ran{false};
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  stream.enqueue("first", [opened] {
    opened.wait();
    throw Error(ErrorCode::Shape, "first: rows must fit; got 7.");
  });
  stream.enqueue("second", [&] {
    later_ran = true;
    throw std::runtime_error("never seen");
  });
  gate.set_value();
  for (int i = 0; i < 2; ++i) {
    const auto error = wait_for(stream);
    REQUIRE(error);
    CHECK(error->code == ErrorCode::Shape);
    CHECK(error->message == "first: rows must fit; got 7.");
  }
  CHECK_FALSE(later_ran);
  test::check_throws(ErrorCode::Device, "third: the device must be reset",
                     [&] { stream.enqueue("third", [] {}); });
  test::check_throws(ErrorCode::Device, "first: rows must fit",
                     [&] { stream.enqueue("third", [] {}); });
  stream.reset();
  stream.enqueue("fourth", [&] { later_ran = true; });
  CHECK_FALSE(wait_for(stream));
  CHECK(later_ran);
}

TEST_CASE("stream: errors of every kind bear the op's name") {
  cpu::CpuStream stream;
  const auto message_of = [&](std::function<void()> work) {
    stream.enqueue("someOp", std::move(work));
    const auto error = wait_for(stream);
    stream.reset();
    return error ? error->message : "none";
  };
  CHECK(message_of([] { throw std::runtime_error("broke"); }) == "someOp: broke");
  CHECK(message_of([] { throw std::bad_alloc(); }).find("someOp: working memory") == 0);
  CHECK(message_of([] { throw 7; }).find("someOp: ") == 0);
  CHECK(message_of([] { throw Error(ErrorCode::Dtype, "inner text"); }) == "someOp: inner text");
}

TEST_CASE("stream: notifications run in a failed stream too") {
  cpu::CpuStream stream;
  stream.enqueue("bad", [] { throw std::runtime_error("broke"); });
  bool freed = false;
  stream.notify("free", [&](const StreamError*) { freed = true; });
  CHECK(wait_for(stream));
  CHECK(freed);
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

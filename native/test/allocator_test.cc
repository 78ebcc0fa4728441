#include "core/allocator.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <set>

#include "core/error.h"
#include "core/stream.h"
#include "doctest/doctest.h"
#include "op_check.h"

namespace llft {
namespace {

// A stream whose work runs when the test says so.
class ManualStream final : public Stream {
 public:
  void enqueue(const char*, std::function<void()> work, Uses = {}) override {
    queue_.push_back(std::move(work));
    ++enqueued_;
  }
  void notify(const char* op, Done done, Uses uses = {}) override {
    enqueue(op, [done = std::move(done)] { done(nullptr); }, std::move(uses));
  }
  uint64_t enqueued() const override { return enqueued_; }
  uint64_t completed() const override { return completed_; }

  void run_all() {
    while (!queue_.empty()) {
      queue_.front()();
      queue_.erase(queue_.begin());
      ++completed_;
    }
  }

 private:
  std::vector<std::function<void()>> queue_;
  uint64_t enqueued_ = 0;
  uint64_t completed_ = 0;
};

constexpr size_t kMega = size_t{1} << 20;

TEST_CASE("allocator: block sizes hold the request, are aligned, and waste little") {
  for (size_t bytes = 1; bytes < 4 * kMega; bytes += 1 + bytes / 37) {
    const size_t size = Allocator::block_size(bytes);
    CHECK(size >= bytes);
    CHECK(size % 64 == 0);
    CHECK((size < bytes + 64 || size - bytes < bytes / 16));
    CHECK(Allocator::block_size(size) == size);
  }
}

TEST_CASE("allocator: blocks are aligned, writable and disjoint") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  std::vector<Block> blocks;
  for (const size_t bytes : {1u, 63u, 64u, 65u, 4096u, 100000u, 5000000u}) {
    blocks.push_back(allocator.allocate(bytes));
    CHECK(reinterpret_cast<uintptr_t>(blocks.back().data) % 64 == 0);
    CHECK(blocks.back().size >= bytes);
    std::memset(blocks.back().data, static_cast<int>(blocks.size()), bytes);
  }
  for (size_t i = 0; i < blocks.size(); ++i)
    CHECK(*static_cast<char*>(blocks[i].data) == static_cast<char>(i + 1));
  for (const Block& block : blocks) allocator.release(block);
  CHECK(allocator.stats().bytes_in_use == 0);
}

TEST_CASE("allocator: an empty request takes nothing") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  const Block block = allocator.allocate(0);
  CHECK(block.data == nullptr);
  allocator.release(block);
  CHECK(allocator.stats().bytes_in_use == 0);
}

TEST_CASE(
    "allocator: a freed block is handed out again at once, and the host is told to keep off") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  const Block first = allocator.allocate(kMega);
  stream.enqueue("kernel", [] {});
  allocator.release(first);
  const Block second = allocator.allocate(kMega);
  CHECK(second.data == first.data);
  CHECK_FALSE(allocator.host_may_write(second));
  stream.run_all();
  CHECK(allocator.host_may_write(second));
  allocator.release(second);
}

TEST_CASE("allocator: freed memory is split, and joined again") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  const Block large = allocator.allocate(8 * kMega);
  const Block above = allocator.allocate(64);
  stream.enqueue("kernel", [] {});
  allocator.release(large);
  const Block small = allocator.allocate(kMega), rest = allocator.allocate(7 * kMega);
  CHECK(small.data == large.data);
  CHECK(rest.data == static_cast<char*>(large.data) + kMega);
  CHECK_FALSE(allocator.host_may_write(rest));
  CHECK(allocator.stats().cached_bytes == 0);
  allocator.release(rest);
  allocator.release(small);
  const Block whole = allocator.allocate(8 * kMega);
  CHECK(whole.data == large.data);
  allocator.release(whole);
  allocator.release(above);
}

TEST_CASE("allocator: the smallest part that holds a request is taken") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  std::vector<Block> blocks, walls;
  for (const size_t mega : {4u, 2u, 3u}) {
    blocks.push_back(allocator.allocate(mega * kMega));
    walls.push_back(allocator.allocate(64));
  }
  for (const Block& block : blocks) allocator.release(block);
  const Block taken = allocator.allocate(2 * kMega + 1);
  CHECK(taken.data == blocks[2].data);
  allocator.release(taken);
  for (const Block& wall : walls) allocator.release(wall);
}

TEST_CASE("allocator: counts bytes in use, their peak, and the cache") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  const Block a = allocator.allocate(kMega);
  const Block b = allocator.allocate(2 * kMega);
  CHECK(allocator.stats().bytes_in_use == 3 * kMega);
  allocator.release(b);
  CHECK(allocator.stats().bytes_in_use == kMega);
  CHECK(allocator.stats().peak_bytes == 3 * kMega);
  CHECK(allocator.stats().cached_bytes == 2 * kMega);
  allocator.reset_peak();
  CHECK(allocator.stats().peak_bytes == kMega);
  allocator.trim();
  CHECK(allocator.stats().cached_bytes == 0);
  stream.run_all();
  allocator.release(a);
}

TEST_CASE("allocator: steps of different sizes share the same memory") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  for (const size_t unit : {700000u, 1000000u, 900000u, 650000u, 990000u, 810000u}) {
    std::vector<Block> blocks;
    for (size_t i = 1; i <= 40; ++i) blocks.push_back(allocator.allocate(unit * (1 + i % 3)));
    while (!blocks.empty()) {
      allocator.release(blocks.back());
      blocks.pop_back();
    }
  }
  const Allocator::Stats stats = allocator.stats();
  CHECK(stats.bytes_in_use == 0);
  CHECK(stats.peak_footprint == stats.peak_bytes);
}

TEST_CASE("allocator: trimmed memory is handed out again, behind its trimming") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  const Block first = allocator.allocate(kMega);
  std::memset(first.data, 1, kMega);
  allocator.release(first);
  allocator.trim();
  const Block second = allocator.allocate(kMega);
  CHECK(second.data == first.data);
  CHECK_FALSE(allocator.host_may_write(second));
  stream.run_all();
  CHECK(allocator.host_may_write(second));
#ifdef __linux__
  CHECK(static_cast<char*>(second.data)[kMega / 2] == 0);  // its pages are new
#endif
  allocator.release(second);
}

TEST_CASE("allocator: one without memory places blocks as one with memory does") {
  ManualStream stream;
  Allocator real(stream, 0), planned(stream, 0, Backing::None);
  test::Random random(5);
  std::vector<std::pair<Block, Block>> live;
  char *real_begin = nullptr, *planned_begin = nullptr;
  for (int step = 0; step < 4000; ++step) {
    if (live.empty() || random.below(5) < 3) {
      const size_t bytes = static_cast<size_t>(1 + random.below(random.below(4) ? 5000 : 400000));
      live.emplace_back(real.allocate(bytes), planned.allocate(bytes));
      if (!real_begin) real_begin = static_cast<char*>(live[0].first.data);
      if (!planned_begin) planned_begin = static_cast<char*>(live[0].second.data);
      REQUIRE(static_cast<char*>(live.back().first.data) - real_begin ==
              static_cast<char*>(live.back().second.data) - planned_begin);
    } else {
      const auto place = live.begin() + random.below(static_cast<int64_t>(live.size()));
      real.release(place->first);
      planned.release(place->second);
      live.erase(place);
    }
  }
  // Nothing overlaps: each block is written whole, then all are read.
  for (size_t i = 0; i < live.size(); ++i)
    std::memset(live[i].first.data, static_cast<int>(i % 251), live[i].first.size);
  for (size_t i = 0; i < live.size(); ++i) {
    const char* data = static_cast<char*>(live[i].first.data);
    CHECK(data[0] == static_cast<char>(i % 251));
    CHECK(data[live[i].first.size - 1] == static_cast<char>(i % 251));
  }
  CHECK(real.stats().peak_bytes == planned.stats().peak_bytes);
  CHECK(real.stats().peak_footprint == planned.stats().peak_footprint);
  size_t in_use = 0;
  for (const auto& [block, other] : live) {
    in_use += block.size;
    real.release(block);
    planned.release(other);
  }
  CHECK(in_use <= real.stats().peak_bytes);
  CHECK(real.stats().bytes_in_use == 0);
  CHECK(real.stats().cached_bytes == real.stats().peak_footprint);
}

TEST_CASE("allocator: the limit holds for memory in use, and cached blocks make room") {
  ManualStream stream;
  Allocator allocator(stream, 4 * kMega);
  const Block a = allocator.allocate(3 * kMega);
  test::check_throws(ErrorCode::OutOfMemory, "LLFT_MEMORY_LIMIT",
                     [&] { allocator.allocate(2 * kMega); });
  allocator.release(a);
  const Block b = allocator.allocate(4 * kMega);  // the cached three must go
  CHECK(allocator.stats().cached_bytes == 0);
  stream.run_all();
  allocator.release(b);
}

TEST_CASE("allocator: the asked-for failure comes once, at the asked-for allocation") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  allocator.fail_allocation(2);
  const Block a = allocator.allocate(64);
  test::check_throws(ErrorCode::OutOfMemory, "allocate", [&] { allocator.allocate(64); });
  const Block b = allocator.allocate(64);
  CHECK(allocator.stats().bytes_in_use == 128);
  allocator.release(a);
  allocator.release(b);
}

TEST_CASE("allocator: what no machine has is an error, not a crash") {
  ManualStream stream;
  Allocator allocator(stream, 0);
  for (const size_t bytes : {size_t{1} << 45, size_t{1} << 47, ~size_t{0}}) {
    test::check_throws(ErrorCode::OutOfMemory, "bytes must be available",
                       [&] { allocator.allocate(bytes); });
  }
  CHECK(allocator.stats().bytes_in_use == 0);
}

}  // namespace
}  // namespace llft

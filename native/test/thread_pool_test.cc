#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cpu/isa.h"
#include "cpu/thread_count.h"
#include "cpu/thread_pool.h"
#include "doctest/doctest.h"
#include "op_check.h"

namespace llft::cpu {
namespace {

TEST_CASE("thread pool: each task runs exactly once, for any number of threads and tasks") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int64_t count : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(count));
      pool.run(count, [&](int64_t i) { ++runs[static_cast<size_t>(i)]; });
      for (const auto& times : runs) CHECK(times == 1);
    }
  }
}

TEST_CASE(
    "thread pool: many small jobs after one another, with pauses that let the threads sleep") {
  ThreadPool pool(3);
  int64_t total = 0;
  for (int job = 0; job < 3000; ++job) {
    std::atomic<int64_t> sum{0};
    pool.run(5, [&](int64_t i) { sum += i; });
    total += sum;
    if (job % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(total == 3000 * 10);
}

TEST_CASE("thread pool: what tasks wrote is visible to the caller") {
  ThreadPool pool(4);
  std::vector<int64_t> values(10000);
  for (int round = 1; round <= 20; ++round) {
    pool.run(100, [&](int64_t task) {
      for (int64_t i = task * 100; i < (task + 1) * 100; ++i) values[static_cast<size_t>(i)] += i;
    });
  }
  for (int64_t i = 0; i < 10000; ++i) CHECK(values[static_cast<size_t>(i)] == 20 * i);
}

TEST_CASE("thread pool: the exception of the lowest task is rethrown, and the pool works on") {
  ThreadPool pool(3);
  for (int round = 0; round < 50; ++round) {
    std::string message;
    try {
      pool.run(40, [](int64_t i) {
        if (i % 7 == 3) throw std::runtime_error(std::to_string(i));
      });
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK(message == "3");
  }
  std::atomic<int> ran{0};
  pool.run(10, [&](int64_t) { ++ran; });
  CHECK(ran == 10);
}

TEST_CASE("thread pool: a task may use the pool itself") {
  ThreadPool pool(2);
  std::atomic<int> ran{0};
  pool.run(4, [&](int64_t) { pool.run(4, [&](int64_t) { ++ran; }); });
  CHECK(ran == 16);
}

TEST_CASE("thread pool: parallel_for covers the range in pieces that the size fixes") {
  ThreadPool one(1), three(3);
  for (const int64_t size : {0, 1, 9, 10, 11, 100}) {
    for (ThreadPool* pool : {&one, &three}) {
      std::vector<std::atomic<int>> covered(static_cast<size_t>(size));
      parallel_for(*pool, size, 10, [&](int64_t begin, int64_t end) {
        CHECK(begin % 10 == 0);
        CHECK((end == size || end - begin == 10));
        for (int64_t i = begin; i < end; ++i) ++covered[static_cast<size_t>(i)];
      });
      for (const auto& times : covered) CHECK(times == 1);
    }
  }
}

TEST_CASE("thread count: LLFT_THREADS takes an integer from 1 to 1024 and nothing else") {
  CHECK(parse_thread_count("1") == 1);
  CHECK(parse_thread_count("64") == 64);
  for (const char* text : {"0", "-2", "1025", "two", "2x", "1.5", "", "99999999999999999999"}) {
    test::check_throws(ErrorCode::Config, "LLFT_THREADS", [&] { parse_thread_count(text); });
  }
}

class CgroupFolder {
 public:
  CgroupFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "llft-cgroup-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~CgroupFolder() { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  double quota(const std::string& proc) const { return cgroup_cpu_quota(proc, root_.string()); }

 private:
  std::filesystem::path root_;
};

TEST_CASE("thread count: cgroup version 2, the tightest group above the process counts") {
  CgroupFolder folder;
  CHECK(folder.quota("0::/a/b\n") == 0);
  folder.write("a/b/cpu.max", "max 100000\n");
  CHECK(folder.quota("0::/a/b\n") == 0);
  folder.write("a/cpu.max", "250000 100000\n");
  CHECK(folder.quota("0::/a/b\n") == 2.5);
  folder.write("a/b/cpu.max", "50000 100000\n");
  CHECK(folder.quota("0::/a/b\n") == 0.5);
  folder.write("cpu.max",
               "150000 100000\n");  // what a container sees at the root of its own namespace
  CHECK(folder.quota("0::/\n") == 1.5);
}

TEST_CASE("thread count: cgroup version 1 among other controllers") {
  CgroupFolder folder;
  const std::string proc = "5:memory:/m\n3:cpuacct,cpu:/docker/x\n1:name=systemd:/s\nbroken line\n";
  CHECK(folder.quota(proc) == 0);
  folder.write("cpu/docker/x/cpu.cfs_quota_us", "-1\n");
  folder.write("cpu/docker/x/cpu.cfs_period_us", "100000\n");
  CHECK(folder.quota(proc) == 0);
  folder.write("cpu/docker/x/cpu.cfs_quota_us", "400000\n");
  CHECK(folder.quota(proc) == 4);
}

TEST_CASE(
    "instruction sets: the best is the default, each available one can be chosen, another is "
    "refused by name") {
  REQUIRE_FALSE(available_kernels().empty());
  CHECK(&select_kernels(nullptr) == available_kernels().front());
  CHECK(&select_kernels("") == available_kernels().front());
  for (const Kernels* kernels : available_kernels())
    CHECK(&select_kernels(kernels->isa) == kernels);
  CHECK(std::string(available_kernels().back()->isa) == "portable");
  test::check_throws(ErrorCode::Config, "portable; got \"avx9\"", [] { select_kernels("avx9"); });
}

}  // namespace
}  // namespace llft::cpu

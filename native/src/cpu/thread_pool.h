// The pool that every CPU kernel splits its work over.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace llft::cpu {

// Threads that are allowed to run at once: LLFT_THREADS, else the smaller of the CPU affinity mask
// and the cgroup quota.
int default_thread_count();

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // the calling thread is one of them
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls task(i) once for each i in [0, count), on any thread; returns when all are done. Tasks
  // write disjoint outputs and may be claimed in any order: results must not depend on who runs
  // what. The first exception is rethrown.
  void run(int64_t count, const std::function<void(int64_t)>& task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Splits [0, size) into ranges of `grain` elements (fixed by size and grain alone, never by the
// thread count) and calls body(begin, end) for each.
template <class Body>
void parallel_for(ThreadPool& pool, int64_t size, int64_t grain, const Body& body) {
  const int64_t ranges = (size + grain - 1) / grain;
  if (ranges <= 1) {
    if (size > 0) body(int64_t{0}, size);
    return;
  }
  pool.run(ranges,
           [&](int64_t i) { body(i * grain, (i + 1) * grain < size ? (i + 1) * grain : size); });
}

}  // namespace llft::cpu

#include "cpu/thread_pool.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "cpu/spin.h"

namespace llft::cpu {
namespace {

// How long a thread looks for work before it sleeps: kernels of a training step follow one another
// within this.
constexpr int kSpinMicroseconds = 50;

thread_local bool inside_task = false;

}  // namespace

// One job at a time. `remaining` counts tasks that nobody has claimed: a thread claims by
// decrementing it, which succeeds only while the job it belongs to is unfinished, so `task` and
// `count` are stable from then on.
struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex run_mutex;
  int spin_microseconds = kSpinMicroseconds;

  const std::function<void(int64_t)>* task = nullptr;
  int64_t count = 0;
  alignas(64) std::atomic<int64_t> remaining{0};
  alignas(64) std::atomic<int64_t> unfinished{0};
  alignas(64) std::atomic<int32_t> epoch{0};  // changes with every job; workers sleep on it
  alignas(64) std::atomic<int32_t> finished{
      0};  // changes at the end of every job; the caller sleeps on it
  std::atomic<bool> stopping{false};

  std::mutex error_mutex;
  std::exception_ptr error;
  int64_t error_index = 0;

  void run_one(int64_t index) {
    try {
      (*task)(index);
    } catch (...) {
      std::lock_guard lock(error_mutex);
      if (!error || index < error_index) {
        error = std::current_exception();
        error_index = index;
      }
    }
  }

  // Runs tasks until none is left to claim.
  void help() {
    inside_task = true;
    int64_t left = remaining.load(std::memory_order_acquire);
    while (left > 0) {
      if (!remaining.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel)) continue;
      run_one(count - left);
      if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        finished.fetch_add(1, std::memory_order_release);
        finished.notify_all();
      }
      left = remaining.load(std::memory_order_acquire);
    }
    inside_task = false;
  }

  void work() {
    while (true) {
      const int32_t seen = epoch.load(std::memory_order_acquire);
      if (stopping.load(std::memory_order_acquire)) return;
      help();
      const auto changed = [&] { return epoch.load(std::memory_order_acquire) != seen; };
      if (!spin_until(changed, spin_microseconds)) epoch.wait(seen, std::memory_order_acquire);
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads > static_cast<int>(std::thread::hardware_concurrency()))
    state_->spin_microseconds = 0;
  for (int i = 1; i < threads; ++i) {
    state_->workers.emplace_back([state = state_.get()] { state->work(); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stopping.store(true, std::memory_order_release);
  state_->epoch.fetch_add(1, std::memory_order_release);
  state_->epoch.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(int64_t count, const std::function<void(int64_t)>& task) {
  if (count <= 0) return;
  if (count == 1 || state_->workers.empty() || inside_task) {
    for (int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  std::lock_guard run_lock(state_->run_mutex);
  State& state = *state_;
  const int32_t before = state.finished.load(std::memory_order_relaxed);
  state.task = &task;
  state.count = count;
  state.unfinished.store(count, std::memory_order_relaxed);
  state.remaining.store(count, std::memory_order_release);
  state.epoch.fetch_add(1, std::memory_order_release);
  state.epoch.notify_all();
  state.help();
  const auto done = [&] { return state.finished.load(std::memory_order_acquire) != before; };
  while (!spin_until(done, state.spin_microseconds))
    state.finished.wait(before, std::memory_order_acquire);
  if (state.error) std::rethrow_exception(std::exchange(state.error, nullptr));
}

}  // namespace llft::cpu

#include "cpu/cpu_stream.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "core/mapping_guard.h"
#include "cpu/spin.h"

namespace llft::cpu {
namespace {

// How long the stream's thread looks for new work before it sleeps: about as long as waking it
// takes.
constexpr int kSpinMicroseconds = 20;

struct Entry {
  const char* op;
  std::function<void()> work;  // or
  Stream::Done done;           // runs in any case
  Uses uses;
};

std::string with_op(const char* op, const std::string& message) {
  const size_t length = std::strlen(op);
  const bool named = message.compare(0, length, op) == 0 && message.compare(length, 1, ":") == 0;
  return named ? message : std::string(op) + ": " + message;
}

}  // namespace

struct CpuStream::State {
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<Entry> queue;
  bool sleeping = false;
  bool stopping = false;
  std::atomic<uint64_t> enqueued{0};  // written under mutex
  std::atomic<uint64_t> completed{0};
  std::thread thread;

  void push(Entry entry) {
    bool wake_thread;
    {
      std::lock_guard lock(mutex);
      if (entry.work && queue.size() >= kMaxPending) refuse_more(entry.op);
      queue.push_back(std::move(entry));
      enqueued.fetch_add(1, std::memory_order_release);
      wake_thread = std::exchange(sleeping, false);
    }
    if (wake_thread) wake.notify_one();
  }

  [[noreturn]] static void refuse_more(const char* op) {
    throw Error(
        ErrorCode::Device,
        std::string(op) + ": at most " + std::to_string(kMaxPending) +
            " operations may wait at once; got one more. Await synchronize() now and then.");
  }

  // The next entry, or none where the stream stops.
  std::optional<Entry> pop() {
    spin_until(
        [&] {
          return enqueued.load(std::memory_order_acquire) !=
                 completed.load(std::memory_order_relaxed);
        },
        kSpinMicroseconds);
    std::unique_lock lock(mutex);
    while (queue.empty()) {
      if (stopping) return std::nullopt;
      sleeping = true;
      wake.wait(lock);
    }
    sleeping = false;
    Entry entry = std::move(queue.front());
    queue.pop_front();
    return entry;
  }

  static void run(const Entry& entry) {
    const StreamError* const inherited = entry.uses.error();
    if (entry.done) {
      entry.done(inherited);
    } else if (inherited) {
      entry.uses.skipped(*inherited);
    } else {
      const uint64_t missing = MappingGuard::missing_pages();
      const Fault own = error_of(entry);
      if (MappingGuard::missing_pages() != missing) {
        entry.uses.lost_files({ErrorCode::Format, MappingGuard::message()});
      } else if (own) {
        entry.uses.failed(*own);
      } else {
        entry.uses.succeeded();
      }
    }
  }

  // Runs the work: what it throws, or nothing.
  static Fault error_of(const Entry& entry) {
    try {
      entry.work();
      return std::nullopt;
    } catch (const Error& e) {
      return StreamError{e.code(), with_op(entry.op, e.what())};
    } catch (const std::bad_alloc&) {
      return StreamError{
          ErrorCode::OutOfMemory,
          with_op(entry.op, "working memory must be available; got a refusal of the system.")};
    } catch (const std::exception& e) {
      return StreamError{ErrorCode::Device, with_op(entry.op, e.what())};
    } catch (...) {
      return StreamError{
          ErrorCode::Device,
          with_op(entry.op, "the kernel must end normally; got an unknown exception.")};
    }
  }

  void loop() {
    while (std::optional<Entry> entry = pop()) {
      run(*entry);
      entry.reset();  // what it captured goes before it counts as ended
      completed.fetch_add(1, std::memory_order_release);
    }
  }
};

CpuStream::CpuStream() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->loop(); });
}

CpuStream::~CpuStream() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->sleeping = false;
  }
  state_->wake.notify_one();
  state_->thread.join();
}

void CpuStream::enqueue(const char* op, std::function<void()> work, Uses uses) {
  state_->push({op, std::move(work), nullptr, std::move(uses)});
}

void CpuStream::notify(const char* op, Done done, Uses uses) {
  state_->push({op, nullptr, std::move(done), std::move(uses)});
}

uint64_t CpuStream::enqueued() const { return state_->enqueued.load(std::memory_order_acquire); }
uint64_t CpuStream::completed() const { return state_->completed.load(std::memory_order_acquire); }

}  // namespace llft::cpu

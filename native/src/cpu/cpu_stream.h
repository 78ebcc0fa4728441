// The CPU's stream: entries run one after another on a thread of their own, which is also the
// calling thread of the thread pool.
#pragma once

#include <memory>

#include "core/stream.h"

namespace llft::cpu {

class CpuStream final : public Stream {
 public:
  // Entries that may wait at once: more than any two training steps, so that only a program that
  // never waits for its results meets it.
  static constexpr uint64_t kMaxPending = uint64_t{1} << 20;

  CpuStream();
  ~CpuStream() override;  // runs what is queued, then stops
  CpuStream(const CpuStream&) = delete;
  CpuStream& operator=(const CpuStream&) = delete;

  void enqueue(const char* op, std::function<void()> work, Uses uses = {}) override;
  void notify(const char* op, Done done, Uses uses = {}) override;
  uint64_t enqueued() const override;
  uint64_t completed() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llft::cpu

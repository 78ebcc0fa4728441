#include "cpu/profile.h"

#include <atomic>
#include <mutex>
#include <utility>

namespace llft::cpu {
namespace {

std::atomic<bool> profiling{false};
std::mutex mutex;
std::vector<ProfileEvent> events;  // guarded by mutex

}  // namespace

void start_profile() {
  std::lock_guard lock(mutex);
  events.clear();
  profiling.store(true, std::memory_order_release);
}

std::vector<ProfileEvent> take_profile() {
  std::lock_guard lock(mutex);
  profiling.store(false, std::memory_order_release);
  return std::exchange(events, {});
}

bool is_profiling() { return profiling.load(std::memory_order_acquire); }

void record_event(const ProfileEvent& event) {
  std::lock_guard lock(mutex);
  if (profiling.load(std::memory_order_relaxed)) events.push_back(event);
}

}  // namespace llft::cpu

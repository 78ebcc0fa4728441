// What each op of the stream took and had to do, recorded while it is asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/cost.h"

namespace llft::cpu {

struct ProfileEvent {
  const char* op;
  double begin;  // seconds on the monotonic clock
  double end;
  Cost cost;
};

// Recording starts with the first op that is enqueued afterwards; what was recorded is forgotten.
void start_profile();
// Ends the recording; events of ops that have ended, in the order in which they ran.
std::vector<ProfileEvent> take_profile();
bool is_profiling();
void record_event(const ProfileEvent& event);

inline double profile_clock() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

// Runs the kernel, and records it where that is asked for.
template <class Kernel, class Args>
void run_recorded(const char* op, const Kernel& run, const Args& args) {
  if (!is_profiling()) return run();
  const double begin = profile_clock();
  run();
  record_event({op, begin, profile_clock(), cost_of(args)});
}

}  // namespace llft::cpu

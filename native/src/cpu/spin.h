// Busy waiting for moments shorter than a sleep and a wake-up would take.
#pragma once

#include <chrono>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace llft::cpu {

inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns whether `holds()` came true within the time.
template <class Condition>
bool spin_until(const Condition& holds, int microseconds) {
  if (holds()) return true;
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
  do {
    for (int i = 0; i < 32; ++i) {
      if (holds()) return true;
      spin_pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return holds();
}

}  // namespace llft::cpu

#include "cpu/peak.h"

#include <time.h>

#include <cstring>
#include <new>

#include "core/reservation.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define LLFT_TARGET(features) __attribute__((target(features)))
#else
#define LLFT_TARGET(features)
#endif

namespace llft::cpu {
namespace {

constexpr int kChains =
    12;  // independent sums: more than latency times throughput of any of these machines
constexpr int64_t kRounds = 20000;

// Each probe runs kRounds * kChains vector multiply-adds; the empty asm keeps the compiler from
// dropping one.
#define LLFT_PROBE(name, features, Vector, multiply_add)           \
  LLFT_TARGET(features) void name() {                              \
    Vector sums[kChains] = {};                                     \
    const Vector x = Vector{} + 0.5f, y = Vector{} + 0.25f;        \
    for (int64_t i = 0; i < kRounds; ++i) {                        \
      _Pragma("GCC unroll 12") for (int j = 0; j < kChains; ++j) { \
        sums[j] = multiply_add;                                    \
        asm volatile("" : LLFT_VECTOR_REGISTER(sums[j]));          \
      }                                                            \
    }                                                              \
  }

#if defined(__x86_64__)
#define LLFT_VECTOR_REGISTER(x) "+v"(x)
#else
#define LLFT_VECTOR_REGISTER(x) "+w"(x)
#endif

typedef float F32x4 __attribute__((vector_size(16)));
#if defined(__x86_64__)
typedef float F32x8 __attribute__((vector_size(32)));
typedef float F32x16 __attribute__((vector_size(64)));
LLFT_PROBE(probe_portable, "sse2", F32x4, sums[j] + x * y)
LLFT_PROBE(probe_avx2, "avx2,fma", F32x8,
           (F32x8)_mm256_fmadd_ps((__m256)x, (__m256)y, (__m256)sums[j]))
LLFT_PROBE(probe_avx512, "avx512f", F32x16,
           (F32x16)_mm512_fmadd_ps((__m512)x, (__m512)y, (__m512)sums[j]))
LLFT_PROBE(probe_pairs, "avx512f,avx512bf16", F32x16,
           (F32x16)_mm512_dpbf16_ps((__m512)sums[j], (__m512bh)x, (__m512bh)y))
#else
LLFT_PROBE(probe_portable, "", F32x4, sums[j] + x * y)
#endif

struct Probe {
  void (*run)();
  double flops;
};

Probe probe_of(const std::string& isa, bool bf16) {
  constexpr double sums = kRounds * static_cast<double>(kChains);
#if defined(__x86_64__)
  if (isa == "avx512bf16" && bf16) return {probe_pairs, sums * 64};
  if (isa == "avx512bf16" || isa == "avx512") return {probe_avx512, sums * 32};
  if (isa == "avx2") return {probe_avx2, sums * 16};
#endif
  (void)isa, (void)bf16;
  return {probe_portable, sums * 8};
}

}  // namespace

double seconds_now(bool cpu_time, int threads) {
  timespec time;
  clock_gettime(cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  const double seconds =
      static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  return cpu_time ? seconds / threads : seconds;
}

double measure_peak(const std::string& isa, bool bf16, double seconds, bool cpu_time,
                    ThreadPool& pool) {
  const auto now = [&] { return seconds_now(cpu_time, pool.threads()); };
  const Probe probe = probe_of(isa, bf16);
  const int64_t tasks = int64_t{pool.threads()} * 8;
  double best = 0;
  for (const double start = now(); now() - start < seconds;) {
    const double begin = now();
    pool.run(tasks, [&](int64_t) { probe.run(); });
    const double rate = tasks * probe.flops / (now() - begin);
    if (rate > best) best = rate;
  }
  return best;
}

double measure_read_bandwidth(int64_t bytes, double seconds, ThreadPool& pool) {
  const auto now = [&] { return seconds_now(false, 1); };
  typedef uint64_t U64x4 __attribute__((vector_size(32)));
  // Huge pages, as tensors have: with small ones this machine may read at two thirds of its speed.
  Reservation memory(static_cast<size_t>(bytes));
  if (!memory.commit(static_cast<size_t>(bytes))) throw std::bad_alloc();
  const auto* vectors = reinterpret_cast<U64x4*>(memory.data());
  const int64_t count = bytes / 32;
  std::memset(memory.data(), 1, static_cast<size_t>(bytes));
  double best = 0;
  for (const double start = now(); now() - start < seconds;) {
    const double begin = now();
    parallel_for(pool, count, 1 << 14, [&](int64_t from, int64_t to) {
      U64x4 sums[4] = {};
      for (int64_t i = from; i + 4 <= to; i += 4) {
        for (int j = 0; j < 4; ++j) sums[j] ^= vectors[i + j];
      }
      U64x4 sum = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
      asm volatile("" : : "m"(sum));
    });
    const double rate = static_cast<double>(bytes) / (now() - begin);
    if (rate > best) best = rate;
  }
  return best;
}

}  // namespace llft::cpu

// The most multiply-adds that threads of this machine reach now, with operands in registers.
#pragma once

#include <string>

#include "cpu/thread_pool.h"

namespace llft::cpu {

// Seconds that passed; with cpu_time, those that the process had a CPU, over its threads: on a
// machine that others use too. CPU time does not see a thread that waits for another.
double seconds_now(bool cpu_time, int threads);

// FLOP/s over about `seconds`; isa as in cpu::Kernels. bf16: of the instruction that multiplies
// bfloat16 pairs where the instruction set has it, else of float32 multiply-adds, which is what
// bfloat16 is widened to.
double measure_peak(const std::string& isa, bool bf16, double seconds, bool cpu_time,
                    ThreadPool& pool);

// Bytes per second that `pool` reads from `bytes` of memory, again and again.
double measure_read_bandwidth(int64_t bytes, double seconds, ThreadPool& pool);

}  // namespace llft::cpu

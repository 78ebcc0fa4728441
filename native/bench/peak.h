// The most multiply-adds that threads of this machine reach now, with operands in registers.
#pragma once

#include <string>

#include "cpu/thread_pool.h"

namespace llft::bench {

// FLOP/s over about `seconds`; isa as in cpu::Kernels. bf16: of the instruction that multiplies bfloat16 pairs where
// the instruction set has it, else of float32 multiply-adds, which is what bfloat16 is widened to.
double measure_peak(const std::string& isa, bool bf16, double seconds, cpu::ThreadPool& pool);

// Bytes per second that `pool` reads from `bytes` of memory, again and again.
double measure_read_bandwidth(int64_t bytes, double seconds, cpu::ThreadPool& pool);

}  // namespace llft::bench

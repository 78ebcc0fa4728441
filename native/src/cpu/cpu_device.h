// The CPU device: its kernels and its pool, for what does not go through the stream.
#pragma once

#include "core/device.h"
#include "cpu/kernels.h"
#include "cpu/thread_pool.h"

namespace llft::cpu {

const Kernels& kernels();   // the table chosen at first use: the machine's best, or LLFT_ISA
ThreadPool& thread_pool();  // for the stream's thread, and for tests and benchmarks without one

}  // namespace llft::cpu

// The CPU kernels of one instruction set, as a table of functions.
//
// The code of a kernel `name` is in cpu/kernels/<name>.cc, which is compiled once per instruction
// set into namespace llft::cpu::LLFT_ISA.
#pragma once

#include "core/kernels.h"
#include "cpu/thread_pool.h"

namespace llft::cpu {

struct Kernels {
  const char* isa;  // "avx512bf16", "avx512", "avx2", "neon", "portable"
#define LLFT_KERNEL_FIELD(name, Args) void (*name)(const Args&, ThreadPool&);
  LLFT_KERNELS(LLFT_KERNEL_FIELD)
#undef LLFT_KERNEL_FIELD
};

}  // namespace llft::cpu

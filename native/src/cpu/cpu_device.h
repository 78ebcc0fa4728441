// The CPU device: its kernels, its pool, and how an op starts a kernel.
#pragma once

#include <utility>

#include "core/device.h"
#include "core/dry_run.h"
#include "cpu/kernels.h"
#include "cpu/profile.h"
#include "cpu/thread_pool.h"

namespace llft::cpu {

const Kernels& kernels();  // the table chosen at first use: the machine's best, or LLFT_ISA
ThreadPool&
thread_pool();  // for the stream's thread, and for tests and benchmarks that use no stream

// Enqueues the kernel, unless this thread is in a dry run; `op` is a string literal, the JavaScript
// name that errors carry.
template <class Args>
void launch(const char* op, void (*Kernels::*kernel)(const Args&, ThreadPool&), Args args) {
  if (DryRun::current()) return;
  device().stream.enqueue(op, [op, kernel, args = std::move(args)] {
    run_recorded(op, [&] { (kernels().*kernel)(args, thread_pool()); }, args);
  });
}

}  // namespace llft::cpu

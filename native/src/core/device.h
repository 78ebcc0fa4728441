// A device that tensors live on: its memory, its stream, and its kernels. Ops know no other way to
// reach either.
//
// A device is a class of its own folder that derives from Device. Nothing else names it, but for
// the place that offers it to programs.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "core/allocator.h"
#include "core/dry_run.h"
#include "core/kernels.h"
#include "core/stream.h"
#include "core/tensor.h"

namespace llft {

class Device {
 public:
  Device() = default;
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  virtual const char* name() const = 0;  // "cpu"
  virtual Stream& stream() = 0;
  virtual Allocator& allocator() = 0;
  // Whether kernels and the host reach each other's memory: a mapped file can then be a tensor.
  virtual bool shares_host_memory() const = 0;

  // Queues a copy of the host's `source`, which is kept alive until it is made, to all of `target`.
  // `op`, here and below, is a string literal: the JavaScript name that errors carry.
  virtual void write(const char* op, std::shared_ptr<const void> source, const Tensor& target) = 0;
  // Queues a copy of `source` to the host: `done` is called when it is made, or with the error for
  // which it is not.
  virtual void read(const char* op, const Tensor& source, std::shared_ptr<void> target,
                    Stream::Done done) = 0;

  // Queues a kernel, as in launch("add", &Device::add, args, Uses().reads({&a, &b}).writes({&y})),
  // unless this thread is in a dry run. `uses` names every operand.
  template <class Args>
  void launch(const char* op, void (Device::*kernel)(const char* op, const Args& args, Uses uses),
              const Args& args, Uses uses) {
    if (!DryRun::current()) (this->*kernel)(op, args, std::move(uses));
  }

  // What each kernel is queued by.
#define LLFT_DECLARE_KERNEL(name, Args) \
  virtual void name(const char* op, const Args& args, Uses uses) = 0;
  LLFT_KERNELS(LLFT_DECLARE_KERNEL)
#undef LLFT_DECLARE_KERNEL
};

// The device of the host itself, on which new tensors are where no device is named. Created at first
// use (by cpu/cpu_device.cc) and never destroyed: its threads may outlive static destructors. Throws
// Config where LLFT_THREADS, LLFT_ISA or LLFT_MEMORY_LIMIT is not valid.
Device& host_device();

}  // namespace llft

// The device that tensors live on: one stream and one stream-ordered allocator per process.
#pragma once

#include "core/allocator.h"
#include "core/stream.h"

namespace llft {

struct Device {
  Stream& stream;
  Allocator& allocator;
};

// Created at first use (by cpu/cpu_device.cc) and never destroyed: its threads may outlive static
// destructors. Throws Config where LLFT_THREADS, LLFT_ISA or LLFT_MEMORY_LIMIT is not valid.
Device& device();

}  // namespace llft

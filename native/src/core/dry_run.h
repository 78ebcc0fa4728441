// A dry run: ops of one thread check their contracts and allocate, but their tensors have addresses
// without memory and no kernel is enqueued. As blocks are reused in the order of the program, the
// peak of a dry run is that of the run that it rehearses.
#pragma once

#include <map>
#include <memory>

#include "core/allocator.h"

namespace llft {

class Device;

class DryRun {
 public:
  // The dry run that this thread is in, or null.
  static const std::shared_ptr<DryRun>& current();
  static void begin();  // throws Device where one is in progress
  // Tensors that are left keep their addresses, and nothing may use them.
  static void end();  // throws Device where none is in progress

  Allocator& allocator(Device& device);

 private:
  DryRun() = default;
  std::map<Device*, Allocator> allocators_;
};

}  // namespace llft

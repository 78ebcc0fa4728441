#include "core/dry_run.h"

#include "core/device.h"
#include "core/error.h"

namespace llft {
namespace {

thread_local std::shared_ptr<DryRun> current_run;

}  // namespace

const std::shared_ptr<DryRun>& DryRun::current() { return current_run; }

// The stream only numbers what is freed; nothing of a dry run is enqueued in it.
Allocator& DryRun::allocator(Device& device) {
  return allocators_.try_emplace(&device, device.stream(), 0, Backing::None).first->second;
}

void DryRun::begin() {
  if (current_run) {
    throw Error(ErrorCode::Device, "beginDryRun: no dry run must be in progress; got one.");
  }
  current_run = std::shared_ptr<DryRun>(new DryRun());
}

void DryRun::end() {
  if (!current_run) {
    throw Error(ErrorCode::Device, "endDryRun: a dry run must be in progress; got none.");
  }
  current_run.reset();
}

}  // namespace llft

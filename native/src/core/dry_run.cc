#include "core/dry_run.h"

#include "core/device.h"
#include "core/error.h"

namespace llft {
namespace {

thread_local std::shared_ptr<DryRun> current_run;

}  // namespace

// The stream only numbers what is freed; nothing of a dry run is enqueued in it.
DryRun::DryRun() : allocator_(device().stream, 0, Backing::None) {}

const std::shared_ptr<DryRun>& DryRun::current() { return current_run; }

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

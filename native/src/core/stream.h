// An in-order queue of work on a device. Enqueueing never waits for work to run.
//
// An entry that fails ends nothing but itself: the storages that it was to write keep its error, and
// so does, in turn, what is computed from them (core/uses.h). Whoever reads one is given the error;
// everything else in the queue runs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/error.h"
#include "core/uses.h"

namespace llft {

class Stream {
 public:
  // Called once on the stream's thread: with the error of a storage that it reads, or null. Must not
  // throw.
  using Done = std::function<void(const StreamError* error)>;

  virtual ~Stream() = default;

  // Runs `work` after everything enqueued before, unless an operand of `uses` has an error. `op` must
  // outlive the stream (a string literal). Throws Device where too much is waiting.
  virtual void enqueue(const char* op, std::function<void()> work, Uses uses = {}) = 0;
  // Calls `done` after everything enqueued before, in any case.
  virtual void notify(const char* op, Done done, Uses uses = {}) = 0;
  // How many entries were enqueued, and how many of them have ended.
  virtual uint64_t enqueued() const = 0;
  virtual uint64_t completed() const = 0;
};

}  // namespace llft

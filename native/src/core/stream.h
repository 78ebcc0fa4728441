// An in-order queue of work on a device. Enqueueing never waits for work to run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/error.h"

namespace llft {

// The error that a stream keeps: the first one since its reset.
struct StreamError {
  ErrorCode code;
  std::string message;  // begins with the name of the op that enqueued the work
};

class Stream {
 public:
  // Called once on the stream's thread: with the stream's first error, or null. Must not throw.
  using Done = std::function<void(const StreamError* error)>;

  virtual ~Stream() = default;

  // Runs `work` after everything enqueued before. `op` must outlive the stream (a string literal).
  // Throws Device where an earlier op failed and `reset` was not called, or where too much is
  // waiting.
  virtual void enqueue(const char* op, std::function<void()> work) = 0;

  // Calls `done` after everything enqueued before, in every state of the stream.
  virtual void notify(const char* op, Done done) = 0;

  // How many entries were enqueued, and how many of them have ended.
  virtual uint64_t enqueued() const = 0;
  virtual uint64_t completed() const = 0;

  // Forgets the error, once everything enqueued so far has ended, so that later work runs again.
  virtual void reset() = 0;
};

}  // namespace llft

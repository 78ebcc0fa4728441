// Stream-ordered allocator of tensor memory, out of one line of addresses.
//
// A freed block is handed out again at once, whole or in parts, although kernels that use it may
// still wait in the stream: the stream is in order, so whatever uses the memory next runs after
// them. Who touches a block outside of the stream asks `host_may_write` first. Batches of different
// lengths so share the same memory, and the most that the process ever holds for tensors is close
// to the most that was in use at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "core/free_ranges.h"
#include "core/reservation.h"

namespace llft {

class Stream;

struct Block {
  void* data = nullptr;     // 64-byte aligned; null where size is 0
  size_t size = 0;          // usable bytes, at least those asked for
  uint64_t free_after = 0;  // queued work up to this entry of the stream may still use the memory
};

// What the addresses of an allocator lead to: memory, or nothing, for a dry run.
enum class Backing { Memory, None };

class Allocator {
 public:
  // At most `limit` bytes in use and kept together; 0 = no limit.
  Allocator(Stream& stream, size_t limit, Backing backing = Backing::Memory);
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  Block allocate(size_t bytes);  // throws OutOfMemory
  void release(const Block& block);
  // Whether no queued work still uses the memory of this block.
  bool host_may_write(const Block& block) const;

  struct Stats {
    size_t bytes_in_use;
    size_t peak_bytes;      // of bytes_in_use
    size_t cached_bytes;    // freed, and kept for reuse
    size_t peak_footprint;  // of bytes_in_use + cached_bytes
  };
  Stats stats() const;
  void reset_peak();
  // Gives all freed memory back to the operating system, once queued work has let go of it.
  void trim();
  // The n-th allocation from now throws OutOfMemory; 0 switches it off.
  void fail_allocation(uint64_t n);

  // The block size that a request is rounded up to: 64 bytes, and whole pages above 64 KiB.
  static size_t block_size(size_t bytes);

 private:
  Stream& stream_;
  const size_t limit_;
  const Backing backing_;
  mutable std::mutex mutex_;
  Reservation reservation_;
  FreeRanges free_;
  size_t in_use_ = 0;
  size_t peak_ = 0;
  size_t peak_footprint_ = 0;
  uint64_t fail_countdown_ = 0;
};

}  // namespace llft

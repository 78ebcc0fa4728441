// Caching, stream-ordered allocator of tensor memory.
//
// A freed block is handed to the next request at once, although kernels that use it may still wait
// in the stream: the stream is in order, so whatever uses the block next runs after them. Who
// touches a block outside of the stream asks `host_may_write` first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace llft {

class Stream;

struct Block {
  void* data = nullptr;     // 64-byte aligned; null where size is 0
  size_t size = 0;          // usable bytes, at least those asked for
  uint64_t free_after = 0;  // queued work up to this entry of the stream may still use the memory
};

class Allocator {
 public:
  // At most `limit` bytes in use and cached together; 0 = no limit.
  Allocator(Stream& stream, size_t limit);
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  Block allocate(size_t bytes);  // throws OutOfMemory
  void release(const Block& block);
  // Whether no queued work still uses the memory of this block.
  bool host_may_write(const Block& block) const;

  struct Stats {
    size_t bytes_in_use;
    size_t peak_bytes;
    size_t cached_bytes;
  };
  Stats stats() const;
  void reset_peak();
  // Gives all cached blocks back to the operating system, once queued work has let go of them.
  void trim();
  // The n-th allocation from now throws OutOfMemory; 0 switches it off.
  void fail_allocation(uint64_t n);

  // The block size that a request is rounded up to: 64 bytes, then eight sizes per power of two.
  static size_t block_size(size_t bytes);

 private:
  Block take_cached(size_t size);
  std::vector<Block> evict(size_t keep_bytes);
  void return_to_system(std::vector<Block> blocks);

  Stream& stream_;
  const size_t limit_;
  mutable std::mutex mutex_;
  std::map<size_t, std::vector<Block>> cache_;  // by block size; last freed at the back
  size_t in_use_ = 0;
  size_t peak_ = 0;
  size_t cached_ = 0;
  uint64_t fail_countdown_ = 0;
};

}  // namespace llft

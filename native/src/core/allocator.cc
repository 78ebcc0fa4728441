#include "core/allocator.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <string>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "core/error.h"
#include "core/stream.h"

namespace llft {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;
// Cached bytes that are never given back unasked.
constexpr size_t kCacheFloor = size_t{256} << 20;
constexpr size_t kLargestRequest = size_t{1} << 46;

void* system_allocate(size_t size) {
  const size_t alignment = size >= kHugePage ? kHugePage : size >= kPage ? kPage : kAlignment;
  void* data = nullptr;
  if (posix_memalign(&data, alignment, size) != 0) return nullptr;
#ifdef __linux__
  if (size >= kHugePage) madvise(data, size, MADV_HUGEPAGE);  // a hint: failure changes nothing
#endif
  return data;
}

}  // namespace

Allocator::Allocator(Stream& stream, size_t limit) : stream_(stream), limit_(limit) {}

Allocator::~Allocator() {
  for (auto& [size, blocks] : cache_) {
    for (const Block& block : blocks) std::free(block.data);
  }
}

size_t Allocator::block_size(size_t bytes) {
  if (bytes <= 8 * kAlignment) return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

Block Allocator::allocate(size_t bytes) {
  if (bytes == 0) return {};
  const auto fail = [&](const std::string& why) -> Error {
    return Error(ErrorCode::OutOfMemory, "allocate: " + std::to_string(bytes) +
                                             " bytes must be available; got " + why + ".");
  };
  std::vector<Block> evicted;
  Block block;
  {
    std::lock_guard lock(mutex_);
    if (fail_countdown_ > 0 && --fail_countdown_ == 0) throw fail("a failure that was asked for");
    if (bytes > kLargestRequest) throw fail("a request beyond the address space");
    const size_t size = block_size(bytes);
    block = take_cached(size);
    if (!block.data) {
      if (limit_ && in_use_ + cached_ + size > limit_) {
        if (in_use_ + size > limit_) {
          throw fail(std::to_string(in_use_) + " bytes in use of LLFT_MEMORY_LIMIT " +
                     std::to_string(limit_));
        }
        evicted = evict(limit_ - in_use_ - size);
      }
      block = {system_allocate(size), size, 0};
      if (!block.data) {
        for (Block& other : evict(0)) evicted.push_back(other);
        // Blocks that no queued work uses can go at once, which may make the room.
        std::erase_if(evicted, [&](const Block& other) {
          if (!host_may_write(other)) return false;
          std::free(other.data);
          return true;
        });
        block.data = system_allocate(size);
      }
    }
    if (block.data) {
      in_use_ += block.size;
      peak_ = std::max(peak_, in_use_);
    }
  }
  return_to_system(std::move(evicted));
  if (!block.data) throw fail("a refusal of the operating system");
  return block;
}

// The smallest cached block that fits and wastes less than an eighth.
Block Allocator::take_cached(size_t size) {
  const auto it = cache_.lower_bound(size);
  if (it == cache_.end() || it->first > size + size / 8) return {};
  const Block block = it->second.back();
  it->second.pop_back();
  if (it->second.empty()) cache_.erase(it);
  cached_ -= block.size;
  return block;
}

void Allocator::release(const Block& block) {
  if (!block.data) return;
  std::vector<Block> evicted;
  {
    std::lock_guard lock(mutex_);
    in_use_ -= block.size;
    cached_ += block.size;
    Block freed = block;
    freed.free_after = stream_.enqueued();
    cache_[block.size].push_back(freed);
    // Sizes that the program has stopped asking for must not pile up.
    const size_t keep = std::max(peak_, kCacheFloor);
    if (in_use_ + cached_ > keep + keep / 4) evicted = evict(keep > in_use_ ? keep - in_use_ : 0);
  }
  return_to_system(std::move(evicted));
}

bool Allocator::host_may_write(const Block& block) const {
  return block.free_after <= stream_.completed();
}

// Takes blocks out of the cache, longest unused first, until at most `keep_bytes` are left in it.
std::vector<Block> Allocator::evict(size_t keep_bytes) {
  std::vector<Block> evicted;
  while (cached_ > keep_bytes && !cache_.empty()) {
    auto oldest = cache_.begin();
    for (auto it = cache_.begin(); it != cache_.end(); ++it) {
      if (it->second.front().free_after < oldest->second.front().free_after) oldest = it;
    }
    cached_ -= oldest->first;
    evicted.push_back(oldest->second.front());
    oldest->second.erase(oldest->second.begin());
    if (oldest->second.empty()) cache_.erase(oldest);
  }
  return evicted;
}

void Allocator::return_to_system(std::vector<Block> blocks) {
  if (blocks.empty()) return;
  stream_.notify("free", [blocks = std::move(blocks)](const StreamError*) {
    for (const Block& block : blocks) std::free(block.data);
  });
}

Allocator::Stats Allocator::stats() const {
  std::lock_guard lock(mutex_);
  return {in_use_, peak_, cached_};
}

void Allocator::reset_peak() {
  std::lock_guard lock(mutex_);
  peak_ = in_use_;
}

void Allocator::trim() {
  std::vector<Block> evicted;
  {
    std::lock_guard lock(mutex_);
    evicted = evict(0);
  }
  return_to_system(std::move(evicted));
}

void Allocator::fail_allocation(uint64_t n) {
  std::lock_guard lock(mutex_);
  fail_countdown_ = n;
}

}  // namespace llft

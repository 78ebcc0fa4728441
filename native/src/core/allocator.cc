#include "core/allocator.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/stream.h"

namespace llft {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kPage = 4096;
constexpr size_t kLargeBlock = size_t{64} << 10;
constexpr size_t kLargestRequest = size_t{1} << 46;

// Addresses cost nothing, so there are more of them than memory: holes between live blocks must not
// use them up.
size_t addresses(size_t limit, Backing backing) {
  if (limit) return limit;
  if (backing == Backing::None) return size_t{1} << 42;
  const size_t memory =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return std::max(4 * memory, size_t{16} << 30);
}

}  // namespace

Allocator::Allocator(Stream& stream, size_t limit, Backing backing)
    : stream_(stream),
      limit_(limit),
      backing_(backing),
      reservation_(addresses(limit, backing)),
      free_(reservation_.size()) {}

size_t Allocator::block_size(size_t bytes) {
  const size_t unit = bytes > kLargeBlock ? kPage : kAlignment;
  return (bytes + unit - 1) / unit * unit;
}

Block Allocator::allocate(size_t bytes) {
  if (bytes == 0) return {};
  const auto fail = [&](const std::string& why) -> Error {
    return Error(ErrorCode::OutOfMemory, "allocate: " + std::to_string(bytes) +
                                             " bytes must be available; got " + why + ".");
  };
  std::lock_guard lock(mutex_);
  if (fail_countdown_ > 0 && --fail_countdown_ == 0) throw fail("a failure that was asked for");
  if (bytes > kLargestRequest) throw fail("a request beyond the address space");
  const size_t size = block_size(bytes);
  const size_t end = free_.end_after(size);
  if (end > reservation_.size()) {
    throw fail(limit_ ? std::to_string(in_use_) + " bytes in use of LLFT_MEMORY_LIMIT " +
                            std::to_string(limit_)
                      : std::to_string(in_use_) + " bytes in use and no addresses left");
  }
  if (backing_ == Backing::Memory && !reservation_.commit(end))
    throw fail("a refusal of the operating system");
  const FreeRanges::Taken taken = *free_.take(size);
  in_use_ += size;
  peak_ = std::max(peak_, in_use_);
  peak_footprint_ = std::max(peak_footprint_, in_use_ + free_.backed());
  return {reservation_.data() + taken.offset, size, taken.free_after};
}

void Allocator::release(const Block& block) {
  if (!block.data) return;
  std::lock_guard lock(mutex_);
  in_use_ -= block.size;
  const size_t offset = static_cast<size_t>(static_cast<char*>(block.data) - reservation_.data());
  free_.give_back(offset, block.size, stream_.enqueued());
}

bool Allocator::host_may_write(const Block& block) const {
  return block.free_after <= stream_.completed();
}

Allocator::Stats Allocator::stats() const {
  std::lock_guard lock(mutex_);
  return {in_use_, peak_, free_.backed(), peak_footprint_};
}

void Allocator::reset_peak() {
  std::lock_guard lock(mutex_);
  peak_ = in_use_;
  peak_footprint_ = in_use_ + free_.backed();
}

// The memory may be handed out again before it is given back: what uses it then stands behind the
// giving back in the stream.
void Allocator::trim() {
  if (backing_ == Backing::None) return;
  std::lock_guard lock(mutex_);
  free_.for_each([&](size_t offset, FreeRange& range) {
    if (range.backed == 0) return;
    char* const data = reservation_.data() + offset;
    stream_.notify("trim", [data, size = range.size](const StreamError*) {
      Reservation::discard(data, size);
    });
    range.backed = 0;
    range.free_after = stream_.enqueued();
  });
}

void Allocator::fail_allocation(uint64_t n) {
  std::lock_guard lock(mutex_);
  fail_countdown_ = n;
}

}  // namespace llft

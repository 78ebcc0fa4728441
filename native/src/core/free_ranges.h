// The unused parts of a line of addresses from 0 to a limit. Neighbours are joined; a request takes
// the front of the smallest part that holds it, and new ground only where none does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace llft {

struct FreeRange {
  size_t size = 0;
  size_t backed = 0;        // at most so many of its bytes have memory
  uint64_t free_after = 0;  // queued work up to this entry of the stream may still use it
};

class FreeRanges {
 public:
  explicit FreeRanges(size_t limit) : limit_(limit) {}

  struct Taken {
    size_t offset;
    uint64_t free_after;
  };
  // Nothing where no part and no new ground holds `size` bytes.
  std::optional<Taken> take(size_t size);
  // The end that the line would have after `take(size)`.
  size_t end_after(size_t size) const;
  void give_back(size_t offset, size_t size, uint64_t free_after);
  // body(offset, range&) for each part; it may change `backed` and `free_after`.
  template <class Body>
  void for_each(const Body& body) {
    for (auto& [offset, range] : by_offset_) body(offset, range);
    backed_ = 0;
    for (const auto& [offset, range] : by_offset_) backed_ += range.backed;
  }

  size_t backed() const { return backed_; }  // the sum over all parts

 private:
  using Position = std::map<size_t, FreeRange>::iterator;
  FreeRange remove(Position position);
  void insert(size_t offset, const FreeRange& range);
  // The unused part at the end of the line, if there is one.
  size_t free_at_end() const;

  const size_t limit_;
  size_t end_ = 0;  // nothing beyond was ever taken
  size_t backed_ = 0;
  std::map<size_t, FreeRange> by_offset_;
  std::set<std::pair<size_t, size_t>> by_size_;  // (size, offset)
};

}  // namespace llft

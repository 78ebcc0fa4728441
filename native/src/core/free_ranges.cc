#include "core/free_ranges.h"

#include <algorithm>
#include <iterator>

namespace llft {

FreeRange FreeRanges::remove(Position position) {
  const FreeRange range = position->second;
  by_size_.erase({range.size, position->first});
  by_offset_.erase(position);
  backed_ -= range.backed;
  return range;
}

void FreeRanges::insert(size_t offset, const FreeRange& range) {
  if (range.size == 0) return;
  by_offset_.emplace(offset, range);
  by_size_.emplace(range.size, offset);
  backed_ += range.backed;
}

size_t FreeRanges::free_at_end() const {
  if (by_offset_.empty()) return 0;
  const auto& [offset, range] = *std::prev(by_offset_.end());
  return offset + range.size == end_ ? range.size : 0;
}

size_t FreeRanges::end_after(size_t size) const {
  if (by_size_.lower_bound({size, 0}) != by_size_.end()) return end_;
  return end_ - free_at_end() + size;
}

std::optional<FreeRanges::Taken> FreeRanges::take(size_t size) {
  const auto fitting = by_size_.lower_bound({size, 0});
  if (fitting == by_size_.end()) {
    const size_t joined = free_at_end();
    if (size > limit_ || end_ - joined > limit_ - size) return std::nullopt;
    const size_t offset = end_ - joined;
    const FreeRange last = joined > 0 ? remove(std::prev(by_offset_.end())) : FreeRange{};
    end_ = offset + size;
    return Taken{offset, last.free_after};
  }
  const size_t offset = fitting->second;
  const FreeRange range = remove(by_offset_.find(offset));
  const size_t rest = range.size - size;
  insert(offset + size, {rest, std::min(range.backed, rest), range.free_after});
  return Taken{offset, range.free_after};
}

void FreeRanges::give_back(size_t offset, size_t size, uint64_t free_after) {
  FreeRange range{size, size, free_after};
  const auto join = [&](Position position) {
    const FreeRange other = remove(position);
    range.size += other.size;
    range.backed += other.backed;
    range.free_after = std::max(range.free_after, other.free_after);
  };
  const Position after = by_offset_.lower_bound(offset);
  if (after != by_offset_.begin()) {
    const Position before = std::prev(after);
    if (before->first + before->second.size == offset) {
      offset = before->first;
      join(before);
    }
  }
  if (after != by_offset_.end() && offset + range.size == after->first) join(after);
  insert(offset, range);
}

}  // namespace llft

#include "core/reservation.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace llft {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kCommitStep = size_t{64} << 20;
constexpr size_t kLeast = size_t{64} << 20;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

Reservation::Reservation(size_t bytes) {
  for (size_t size = round_up(bytes, kHugePage); size >= std::min(bytes, kLeast) && size > 0;
       size = size / 2 / kHugePage * kHugePage) {
    void* mapping = mmap(nullptr, size + kHugePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) continue;
    mapping_ = static_cast<char*>(mapping);
    mapping_size_ = size + kHugePage;
    const uintptr_t begin = reinterpret_cast<uintptr_t>(mapping);
    data_ = mapping_ + (round_up(begin, kHugePage) - begin);
    size_ = std::min(size, bytes);
    return;
  }
}

Reservation::~Reservation() {
  if (mapping_) munmap(mapping_, mapping_size_);
}

bool Reservation::commit(size_t bytes) {
  if (bytes <= committed_) return true;
  if (bytes > size_) return false;
  const size_t end = std::min(round_up(bytes, kCommitStep), round_up(size_, kHugePage));
  if (mprotect(data_ + committed_, end - committed_, PROT_READ | PROT_WRITE) != 0) return false;
#ifdef __linux__
  // A hint: failure changes nothing.
  madvise(data_ + committed_, end - committed_, MADV_HUGEPAGE);
#endif
  committed_ = end;
  return true;
}

void Reservation::discard(char* data, size_t bytes) {
  constexpr size_t kPage = 4096;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(data);
  const size_t front = round_up(begin, kPage) - begin;
  if (bytes < front + kPage) return;
  char* const first = data + front;
  const size_t whole = (bytes - front) / kPage * kPage;
  madvise(first, whole, MADV_DONTNEED);
}

}  // namespace llft

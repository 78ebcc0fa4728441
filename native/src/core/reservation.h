// A range of addresses that gets memory as it grows, and gives memory back without giving up the
// addresses.
#pragma once

#include <cstddef>

namespace llft {

class Reservation {
 public:
  // Addresses for `bytes`, or for as much as the system gives: half of it, a quarter, and so on.
  explicit Reservation(size_t bytes);
  ~Reservation();
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  char* data() const { return data_; }  // aligned to huge pages; null where size is 0
  size_t size() const { return size_; }

  // Makes the first `bytes` readable and writable; false where the system refuses. The memory
  // itself comes with the first touch.
  bool commit(size_t bytes);
  // Gives the memory of the whole pages inside of [data, data + bytes) back. They may read as 0
  // then; those of a shared file keep what they hold.
  static void discard(char* data, size_t bytes);

 private:
  char* mapping_ = nullptr;
  size_t mapping_size_ = 0;
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t committed_ = 0;
};

}  // namespace llft

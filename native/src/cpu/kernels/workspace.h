// Memory of one thread, kept from call to call.
#pragma once

#include <memory>
#include <new>

#include "core/reservation.h"

namespace llft::cpu::LLFT_ISA {

class Workspace {
 public:
  // At least so many bytes, aligned to a page. What they held may be lost. Huge pages, as tensors
  // have: a block of B alone has more small ones than a core keeps addresses of.
  char* reserve(size_t bytes) {
    if (bytes > size_) {
      memory_ = std::make_unique<Reservation>(bytes);
      size_ = 0;
      if (!memory_->commit(bytes)) throw std::bad_alloc();
      size_ = bytes;
    }
    return memory_->data();
  }

 private:
  std::unique_ptr<Reservation> memory_;
  size_t size_ = 0;
};

}  // namespace llft::cpu::LLFT_ISA

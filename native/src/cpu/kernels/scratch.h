// Memory of one thread, kept from call to call.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

#include "core/reservation.h"

namespace llft::cpu::LLFT_ISA {

class Scratch {
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

  // Reserves aligned pieces: calls pieces(take), where take(pointer, units) sets a pointer to a
  // piece of its own of so many 32-bit units.
  template <class Pieces>
  void carve(const Pieces& pieces) {
    int64_t total = 0;
    pieces([&](auto*&, int64_t units) { total += padded(units); });
    auto* const data = reinterpret_cast<uint32_t*>(reserve(static_cast<size_t>(total) * 4));
    int64_t used = 0;
    pieces([&](auto*& piece, int64_t units) {
      piece = reinterpret_cast<std::remove_reference_t<decltype(piece)>>(data + used);
      used += padded(units);
    });
  }

 private:
  // The pad staggers cache sets.
  static int64_t padded(int64_t units) { return (units + 15) / 16 * 16 + 16; }

  std::unique_ptr<Reservation> memory_;
  size_t size_ = 0;
};

}  // namespace llft::cpu::LLFT_ISA

// Tensors behind integer handles, for a language that holds no pointers.
//
// A handle is 8 bits of the table, 21 bits of generation and 24 bits of slot, together an integer
// that a double holds exactly. A slot's generation rises with every use, so a handle that was
// released never names a later tensor; a slot whose generations are used up is not used again.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace llft {

class HandleTable {
 public:
  using Handle = uint64_t;  // never 0, below 2^53

  explicit HandleTable(uint8_t table_number) : table_number_(table_number) {}

  Handle insert(Tensor tensor);  // throws OutOfMemory where 2^24 handles live
  // Null where the handle was released, or is of another table.
  const Tensor* find(Handle handle) const;
  bool erase(Handle handle);  // whether it was alive
  size_t size() const { return live_; }

 private:
  struct Slot {
    Tensor tensor;
    uint32_t generation = 0;
    bool live = false;
  };
  static constexpr int kSlotBits = 24;
  static constexpr int kGenerationBits = 21;

  const uint8_t table_number_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
};

}  // namespace llft

#include "core/handle_table.h"

#include <utility>

#include "core/error.h"

namespace llft {

HandleTable::Handle HandleTable::insert(Tensor tensor) {
  if (free_.empty()) {
    if (slots_.size() >> kSlotBits) {
      throw Error(ErrorCode::OutOfMemory,
                  "handles: at most 16777216 tensors may be alive; got one more.");
    }
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.tensor = std::move(tensor);
  slot.live = true;
  ++slot.generation;
  ++live_;
  return (Handle{table_number_} << (kGenerationBits + kSlotBits)) |
         (Handle{slot.generation} << kSlotBits) | index;
}

const Tensor* HandleTable::find(Handle handle) const {
  const uint64_t index = handle & ((Handle{1} << kSlotBits) - 1);
  const uint64_t generation = (handle >> kSlotBits) & ((Handle{1} << kGenerationBits) - 1);
  if (handle >> (kGenerationBits + kSlotBits) != table_number_ || index >= slots_.size())
    return nullptr;
  const Slot& slot = slots_[index];
  return slot.live && slot.generation == generation ? &slot.tensor : nullptr;
}

bool HandleTable::erase(Handle handle) {
  if (!find(handle)) return false;
  const uint32_t index = static_cast<uint32_t>(handle & ((Handle{1} << kSlotBits) - 1));
  Slot& slot = slots_[index];
  slot.live = false;
  const Tensor dropped = std::exchange(slot.tensor, Tensor());
  if (slot.generation + 1 < (uint32_t{1} << kGenerationBits)) free_.push_back(index);
  --live_;
  return true;
}

}  // namespace llft

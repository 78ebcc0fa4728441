#include "core/tensor.h"

#include <utility>

#include "core/check.h"
#include "core/storage.h"

namespace llft {

Tensor::Tensor(std::shared_ptr<Storage> storage, size_t byte_offset, DType dtype, Shape shape)
    : storage_(std::move(storage)),
      byte_offset_(byte_offset),
      dtype_(dtype),
      shape_(std::move(shape)) {}

Tensor Tensor::empty(Device& device, DType dtype, Shape shape) {
  const size_t bytes = static_cast<size_t>(checked_numel("empty", shape)) * size_of(dtype);
  return Tensor(Storage::allocate(device, bytes), 0, dtype, std::move(shape));
}

int64_t Tensor::numel() const {
  int64_t count = 1;
  for (const int64_t dim : shape_) count *= dim;
  return count;
}

Device& Tensor::device() const { return storage_->device(); }

void* Tensor::data() const {
  char* base = storage_ ? storage_->data() : nullptr;
  return base ? base + byte_offset_ : nullptr;
}

bool Tensor::read_only() const { return storage_ && storage_->read_only(); }

}  // namespace llft

// A tensor is a shape, an element type and a contiguous, row-major range of a reference-counted
// storage. Copies share the storage. There are no strides: what needs another layout is an op that
// copies.
#pragma once

#include <memory>
#include <vector>

#include "core/dtype.h"

namespace llft {

class Device;
class Storage;  // core/storage.h: a block of an allocator, or a range of a mapped file
using Shape = std::vector<int64_t>;

class Tensor {
 public:
  Tensor() = default;  // "no tensor": the value of an optional argument that is absent
  Tensor(std::shared_ptr<Storage> storage, size_t byte_offset, DType dtype, Shape shape);

  // Uninitialised memory of the device's stream-ordered allocator. Throws OutOfMemory.
  static Tensor empty(Device& device, DType dtype, Shape shape);

  explicit operator bool() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t rank() const { return static_cast<int64_t>(shape_.size()); }
  int64_t dim(int64_t axis) const { return shape_[axis < 0 ? shape_.size() + axis : axis]; }
  int64_t numel() const;
  // The tensor as a matrix [rows, columns], the last axis being the columns.
  int64_t columns() const { return shape_.empty() ? 1 : shape_.back(); }
  int64_t rows() const { return columns() ? numel() / columns() : 0; }
  size_t bytes() const { return static_cast<size_t>(numel()) * size_of(dtype_); }

  Device& device() const;
  void* data() const;  // null for an empty tensor
  template <class T>
  T* data_as() const {
    return static_cast<T*>(data());
  }
  bool read_only() const;  // a range of a mapped file
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  size_t byte_offset() const { return byte_offset_; }

 private:
  std::shared_ptr<Storage> storage_;
  size_t byte_offset_ = 0;
  DType dtype_ = DType::F32;
  Shape shape_;
};

}  // namespace llft

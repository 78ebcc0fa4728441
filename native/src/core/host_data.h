// Tensors from bytes that the host has. In a dry run nothing is copied.
#pragma once

#include <memory>

#include "core/storage.h"
#include "core/tensor.h"

namespace llft {

// A copy of `bytes` bytes in the dtype's layout; the source may go when this returns. Throws Shape
// where the count does not fit the shape.
Tensor from_bytes(Device& device, const void* data, size_t bytes, DType dtype, const Shape& shape);

// A tensor on a range of the file; a copy, made by the stream, where `byte_offset` is not aligned
// to the dtype or the device has memory of its own. Throws Format where the range is not inside the
// file.
Tensor from_mapping(Device& device, const std::shared_ptr<MappedFile>& file, uint64_t byte_offset,
                    DType dtype, const Shape& shape);

// In a dry run: what `from_mapping` would give, without a file. Throws Device outside of one.
Tensor plan_mapping(DType dtype, const Shape& shape, bool writable);

// Lets the system take the memory of a tensor that lies in a file, mapped or a spill file, once the
// stream has come this far; its values stay. Does nothing for other tensors.
void release_pages(const Tensor& tensor);

}  // namespace llft

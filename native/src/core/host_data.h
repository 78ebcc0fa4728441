// Tensors from bytes that the host has.
#pragma once

#include <memory>

#include "core/storage.h"
#include "core/tensor.h"

namespace llft {

// A copy of `bytes` bytes in the dtype's layout; the source may go when this returns. Throws Shape
// where the count does not fit the shape.
Tensor from_bytes(const void* data, size_t bytes, DType dtype, const Shape& shape);

// A tensor on a range of the file; a copy, made by the stream, where `byte_offset` is not aligned
// to the dtype. Throws Format where the range is not inside the file.
Tensor from_mapping(const std::shared_ptr<MappedFile>& file, uint64_t byte_offset, DType dtype,
                    const Shape& shape);

// Once the stream has come this far, the pages that lie wholly in a mapped tensor leave memory;
// they are read from the file again if they are used. Does nothing for other tensors.
void drop_pages(const Tensor& tensor);

}  // namespace llft

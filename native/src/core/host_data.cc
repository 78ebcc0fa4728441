#include "core/host_data.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "core/check.h"
#include "core/device.h"

namespace llft {

Tensor from_bytes(const void* data, size_t bytes, DType dtype, const Shape& shape) {
  const size_t expected = static_cast<size_t>(checked_numel("fromBytes", shape)) * size_of(dtype);
  if (bytes != expected) {
    fail(ErrorCode::Shape, "fromBytes",
         "a " + std::string(name_of(dtype)) + " tensor of shape " + to_string(shape) +
             " must have " + std::to_string(expected) + " bytes",
         std::to_string(bytes));
  }
  Tensor tensor = Tensor::empty(dtype, shape);
  if (bytes == 0) return tensor;
  if (tensor.storage()->host_may_write()) {
    std::memcpy(tensor.data(), data, bytes);
    return tensor;
  }
  // The block was freed by the program but queued kernels still use it: the bytes wait their turn.
  std::shared_ptr<char[]> staged(new char[bytes]);
  std::memcpy(staged.get(), data, bytes);
  device().stream.enqueue("fromBytes", [target = tensor.data(), staged, bytes] {
    std::memcpy(target, staged.get(), bytes);
  });
  return tensor;
}

Tensor from_mapping(const std::shared_ptr<MappedFile>& file, uint64_t byte_offset, DType dtype,
                    const Shape& shape) {
  const size_t bytes = static_cast<size_t>(checked_numel("fromMapping", shape)) * size_of(dtype);
  if (byte_offset > file->size() || bytes > file->size() - byte_offset) {
    fail(ErrorCode::Format, "fromMapping",
         "the range must lie inside the " + std::to_string(file->size()) + " bytes of \"" +
             file->path() + "\"",
         std::to_string(bytes) + " bytes at offset " + std::to_string(byte_offset));
  }
  if (byte_offset % size_of(dtype) == 0) {
    return Tensor(Storage::map(file, byte_offset, bytes), 0, dtype, shape);
  }
  Tensor tensor = Tensor::empty(dtype, shape);
  // The mapping outlives the copy: it is unmapped through the stream.
  device().stream.enqueue("fromMapping",
                          [target = tensor.data(), source = file->data() + byte_offset, bytes] {
                            if (bytes > 0) std::memcpy(target, source, bytes);
                          });
  return tensor;
}

void drop_pages(const Tensor& tensor) {
  require_present("dropPages", "x", tensor);
  if (!tensor.read_only() || tensor.bytes() == 0) return;
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(tensor.data());
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t last = (begin + tensor.bytes()) / page * page;
  if (last <= first) return;
  // A hint: failure changes nothing. The mapping outlives it: it is unmapped through the stream.
  device().stream.enqueue("dropPages", [first, last] {
    madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  });
}

}  // namespace llft

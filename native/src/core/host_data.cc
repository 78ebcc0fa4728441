#include "core/host_data.h"

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
  if (bytes == 0 || DryRun::current()) return tensor;
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
  if (DryRun::current()) return tensor;
  // The mapping outlives the copy: it is unmapped through the stream.
  device().stream.enqueue("fromMapping",
                          [target = tensor.data(), source = file->data() + byte_offset, bytes] {
                            if (bytes > 0) std::memcpy(target, source, bytes);
                          });
  return tensor;
}

Tensor plan_mapping(DType dtype, const Shape& shape, bool writable) {
  if (!DryRun::current()) {
    fail(ErrorCode::Device, "planMapping", "a dry run must be in progress", "none");
  }
  const size_t bytes = static_cast<size_t>(checked_numel("planMapping", shape)) * size_of(dtype);
  return Tensor(Storage::plan_mapping(bytes, writable), 0, dtype, shape);
}

void release_pages(const Tensor& tensor) {
  require_present("releasePages", "x", tensor);
  const Storage& storage = *tensor.storage();
  if (storage.dry_run() || !(storage.read_only() || storage.spilled())) return;
  device().stream.enqueue("releasePages", [data = tensor.data_as<char>(), bytes = tensor.bytes()] {
    Reservation::discard(data, bytes);
  });
}

}  // namespace llft

#include "core/host_data.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/device.h"

namespace llft {

Tensor from_bytes(Device& device, const void* data, size_t bytes, DType dtype, const Shape& shape) {
  const size_t expected = static_cast<size_t>(checked_numel("fromBytes", shape)) * size_of(dtype);
  if (bytes != expected) {
    fail(ErrorCode::Shape, "fromBytes",
         "a " + std::string(name_of(dtype)) + " tensor of shape " + to_string(shape) +
             " must have " + std::to_string(expected) + " bytes",
         std::to_string(bytes));
  }
  Tensor tensor = Tensor::empty(device, dtype, shape);
  if (bytes == 0 || DryRun::current()) return tensor;
  if (tensor.storage()->host_may_write()) {
    std::memcpy(tensor.data(), data, bytes);
    return tensor;
  }
  // The device's own memory, or a block that queued kernels still use: the bytes wait their turn.
  std::shared_ptr<char[]> staged(new char[bytes]);
  std::memcpy(staged.get(), data, bytes);
  device.write("fromBytes", std::move(staged), tensor);
  return tensor;
}

Tensor from_mapping(Device& device, const std::shared_ptr<MappedFile>& file, uint64_t byte_offset,
                    DType dtype, const Shape& shape) {
  const size_t bytes = static_cast<size_t>(checked_numel("fromMapping", shape)) * size_of(dtype);
  if (byte_offset > file->size() || bytes > file->size() - byte_offset) {
    fail(ErrorCode::Format, "fromMapping",
         "the range must lie inside the " + std::to_string(file->size()) + " bytes of \"" +
             file->path() + "\"",
         std::to_string(bytes) + " bytes at offset " + std::to_string(byte_offset));
  }
  if (device.shares_host_memory() && byte_offset % size_of(dtype) == 0) {
    return Tensor(Storage::map(file, byte_offset, bytes), 0, dtype, shape);
  }
  Tensor tensor = Tensor::empty(device, dtype, shape);
  if (bytes == 0 || DryRun::current()) return tensor;
  const std::shared_ptr<const void> source(file, file->data() + byte_offset);
  device.write("fromMapping", source, tensor);
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
  storage.device().stream().enqueue("releasePages",
                                    [data = tensor.data_as<char>(), bytes = tensor.bytes()] {
                                      Reservation::discard(data, bytes);
                                    });
}

}  // namespace llft

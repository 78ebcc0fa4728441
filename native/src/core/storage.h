// The memory behind tensors: a block of a device's allocator, a range of a mapped file, or nothing,
// in a dry run.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/allocator.h"
#include "core/dry_run.h"
#include "core/mapping_guard.h"
#include "core/uses.h"

namespace llft {

// A mapping of a whole file: read-only, or a writable file of our own that has no name. It is
// unmapped once nobody holds it; a storage lets go when queued work has. Whoever cuts the file
// meanwhile makes the computations fail that meet what is missing (core/mapping_guard.h).
class MappedFile {
 public:
  static std::shared_ptr<MappedFile> open(const std::string& path);  // throws Format
  // A new file of zeros in `folder`, removed at once, so that it lives as long as its mapping. Its
  // memory can be written to the disk under pressure. Throws Config where the folder cannot hold a
  // file, OutOfMemory where it has no room.
  static std::shared_ptr<MappedFile> create_spill(const std::string& folder, size_t bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const char* data() const { return static_cast<const char*>(data_); }
  size_t size() const { return size_; }
  bool writable() const { return writable_; }
  // That of every storage in it: a file that lost pages is worth nothing.
  const std::shared_ptr<Fault>& fault() const { return fault_; }

 private:
  MappedFile(std::string path, void* data, size_t size, bool writable)
      : path_(std::move(path)), data_(data), size_(size), writable_(writable) {
    guard_.emplace(data, size, writable, path_);
  }

  std::string path_;
  void* data_;
  size_t size_;
  bool writable_;
  std::shared_ptr<Fault> fault_ = std::make_shared<Fault>();
  std::optional<MappingGuard> guard_;
};

class Storage {
 public:
  // Of the device, or of the dry run that this thread is in. Throws OutOfMemory.
  static std::shared_ptr<Storage> allocate(Device& device, size_t bytes);
  // Bytes [offset, offset + bytes) of the file, which the caller has checked to exist, as memory of
  // the host's device.
  static std::shared_ptr<Storage> map(std::shared_ptr<MappedFile> file, size_t offset,
                                      size_t bytes);
  // In a dry run: what `map` would give, without a file.
  static std::shared_ptr<Storage> plan_mapping(size_t bytes, bool writable);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Device& device() const { return device_; }
  // What a failed computation left of it; shared with the entries of the stream that use it.
  const std::shared_ptr<Fault>& fault() const { return fault_; }
  char* data() const { return data_; }
  size_t size() const { return size_; }
  bool read_only() const { return read_only_; }
  // Whether the memory is that of a spill file.
  bool spilled() const { return file_ && file_->writable(); }
  // The dry run that this storage belongs to, where there is no memory at `data`; else null.
  const DryRun* dry_run() const { return dry_run_.get(); }
  // Whether the host may write now, without going through the stream: nothing queued uses the
  // memory.
  bool host_may_write() const;

 private:
  explicit Storage(Device& device) : device_(device) {}
  Allocator& allocator() const;

  Device& device_;
  std::shared_ptr<Fault> fault_ = std::make_shared<Fault>();
  std::shared_ptr<DryRun> dry_run_;
  Block block_;
  std::shared_ptr<MappedFile> file_;
  char* data_ = nullptr;
  size_t size_ = 0;
  bool read_only_ = false;
};

}  // namespace llft

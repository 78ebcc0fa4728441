#include "core/storage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/device.h"
#include "core/error.h"

namespace llft {

std::shared_ptr<MappedFile> MappedFile::open(const std::string& path) {
  const auto fail = [&](const std::string& what) {
    return Error(ErrorCode::Format,
                 "mapFile: \"" + path + "\" must be a readable file; got " + what + ".");
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw fail(std::strerror(errno));
  struct stat info;
  const int stat_result = fstat(fd, &info);
  if (stat_result != 0 || !S_ISREG(info.st_mode)) {
    const std::string what =
        stat_result != 0 ? std::strerror(errno) : "something that is not a regular file";
    close(fd);
    throw fail(what);
  }
  const size_t size = static_cast<size_t>(info.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      const std::string what = std::strerror(errno);
      close(fd);
      throw fail(what);
    }
    madvise(data, size, MADV_WILLNEED);  // a hint: failure changes nothing
  }
  close(fd);
  return std::shared_ptr<MappedFile>(new MappedFile(path, data, size, false));
}

std::shared_ptr<MappedFile> MappedFile::create_spill(const std::string& folder, size_t bytes) {
  std::string path = folder + "/llft-spill-XXXXXX";
  const int fd = mkstemp(path.data());
  if (fd < 0) {
    throw Error(ErrorCode::Config, "createSpill: \"" + folder +
                                       "\" must be a folder that takes files; got " +
                                       std::strerror(errno) + ".");
  }
  unlink(path.c_str());
  fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef __linux__
  // Room is taken now: a full disk would end the process when a page is written.
  const int refusal = bytes > 0 ? posix_fallocate(fd, 0, static_cast<off_t>(bytes)) : 0;
#else
  const int refusal = ftruncate(fd, static_cast<off_t>(bytes)) != 0 ? errno : 0;
#endif
  void* data = nullptr;
  if (refusal == 0 && bytes > 0)
    data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const std::string why = std::strerror(refusal ? refusal : errno);
  close(fd);
  if (refusal != 0 || data == MAP_FAILED) {
    throw Error(ErrorCode::OutOfMemory, "createSpill: " + std::to_string(bytes) +
                                            " bytes must be available in \"" + folder + "\"; got " +
                                            why + ".");
  }
  return std::shared_ptr<MappedFile>(new MappedFile(path, data, bytes, true));
}

MappedFile::~MappedFile() {
  guard_.reset();
  if (data_) munmap(data_, size_);
}

Allocator& Storage::allocator() const {
  return dry_run_ ? dry_run_->allocator(device_) : device_.allocator();
}

std::shared_ptr<Storage> Storage::allocate(Device& device, size_t bytes) {
  std::shared_ptr<Storage> storage(new Storage(device));
  storage->dry_run_ = DryRun::current();
  storage->block_ = storage->allocator().allocate(bytes);
  storage->data_ = static_cast<char*>(storage->block_.data);
  storage->size_ = bytes;
  return storage;
}

std::shared_ptr<Storage> Storage::map(std::shared_ptr<MappedFile> file, size_t offset,
                                      size_t bytes) {
  std::shared_ptr<Storage> storage(new Storage(host_device()));
  storage->data_ = const_cast<char*>(file->data()) + offset;
  storage->size_ = bytes;
  storage->read_only_ = !file->writable();
  storage->fault_ = file->fault();
  storage->file_ = std::move(file);
  return storage;
}

std::shared_ptr<Storage> Storage::plan_mapping(size_t bytes, bool writable) {
  std::shared_ptr<Storage> storage(new Storage(host_device()));
  storage->dry_run_ = DryRun::current();
  storage->size_ = bytes;
  storage->read_only_ = !writable;
  return storage;
}

Storage::~Storage() {
  if (block_.data) allocator().release(block_);
  if (file_) device_.stream().notify("unmap", [file = std::move(file_)](const StreamError*) {});
}

bool Storage::host_may_write() const {
  return !read_only() && !dry_run_ && device_.shares_host_memory() &&
         device_.allocator().host_may_write(block_);
}

}  // namespace llft

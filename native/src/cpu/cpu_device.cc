#include "cpu/cpu_device.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/mapping_guard.h"
#include "core/storage.h"
#include "cpu/cpu_stream.h"
#include "cpu/isa.h"
#include "cpu/profile.h"

namespace llft {
namespace cpu {
namespace {

size_t memory_limit() {
  const char* text = std::getenv("LLFT_MEMORY_LIMIT");
  if (!text || !*text) return 0;
  char* end = nullptr;
  errno = 0;
  const unsigned long long bytes = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0' || errno || *text == '-' || bytes == 0) {
    throw Error(
        ErrorCode::Config,
        std::string("LLFT_MEMORY_LIMIT: the value must be a positive number of bytes; got \"") +
            text + "\".");
  }
  return static_cast<size_t>(bytes);
}

class CpuDevice final : public Device {
 public:
  const Kernels& kernels() const { return kernels_; }
  ThreadPool& pool() { return pool_; }

  const char* name() const override { return "cpu"; }
  Stream& stream() override { return stream_; }
  Allocator& allocator() override { return allocator_; }
  bool shares_host_memory() const override { return true; }

  void write(const char* op, std::shared_ptr<const void> source, const Tensor& target) override {
    stream_.enqueue(
        op,
        [source = std::move(source), data = target.data(), bytes = target.bytes()] {
          std::memcpy(data, source.get(), bytes);
        },
        Uses().writes({&target}));
  }
  void read(const char* op, const Tensor& source, std::shared_ptr<void> target,
            Stream::Done done) override {
    stream_.notify(
        op,
        [data = source.data(), bytes = source.bytes(), fault = source.storage()->fault(),
         target = std::move(target), done = std::move(done)](const StreamError* error) {
          const uint64_t missing = MappingGuard::missing_pages();
          if (!error && bytes > 0) std::memcpy(target.get(), data, bytes);
          if (MappingGuard::missing_pages() == missing) return done(error);
          *fault = StreamError{ErrorCode::Format, MappingGuard::message()};
          done(&**fault);
        },
        Uses().reads({&source}));
  }

#define LLFT_QUEUE_KERNEL(name, Args)                               \
  void name(const char* op, const Args& args, Uses uses) override { \
    queue(op, &Kernels::name, args, std::move(uses));               \
  }
  LLFT_KERNELS(LLFT_QUEUE_KERNEL)
#undef LLFT_QUEUE_KERNEL

 private:
  template <class Args>
  void queue(const char* op, void (*Kernels::*kernel)(const Args&, ThreadPool&), const Args& args,
             Uses uses) {
    stream_.enqueue(
        op,
        [this, op, kernel, args] {
          run_recorded(op, [&] { (kernels_.*kernel)(args, pool_); }, args);
        },
        std::move(uses));
  }

  const Kernels& kernels_ = select_kernels(std::getenv("LLFT_ISA"));
  const size_t limit_ = memory_limit();
  ThreadPool pool_{default_thread_count()};
  CpuStream stream_;
  Allocator allocator_{stream_, limit_};
};

// Not destroyed at exit: its threads may be at work then. A constructor that throws is tried again
// at next use.
CpuDevice& cpu_device() {
  static CpuDevice* instance = new CpuDevice();
  return *instance;
}

}  // namespace

const Kernels& kernels() { return cpu_device().kernels(); }
ThreadPool& thread_pool() { return cpu_device().pool(); }

}  // namespace cpu

Device& host_device() { return cpu::cpu_device(); }

}  // namespace llft

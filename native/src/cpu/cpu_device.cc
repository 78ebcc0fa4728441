#include "cpu/cpu_device.h"

#include <cerrno>
#include <cstdlib>
#include <string>

#include "core/error.h"
#include "cpu/cpu_stream.h"
#include "cpu/isa.h"

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

struct CpuDevice {
  const Kernels& kernels = select_kernels(std::getenv("LLFT_ISA"));
  const size_t limit = memory_limit();
  ThreadPool pool{default_thread_count()};
  CpuStream stream;
  Allocator allocator{stream, limit};
  Device device{stream, allocator};
};

// Not destroyed at exit: its threads may be at work then. A constructor that throws is tried again
// at next use.
CpuDevice& cpu_device() {
  static CpuDevice* instance = new CpuDevice();
  return *instance;
}

}  // namespace

const Kernels& kernels() { return cpu_device().kernels; }
ThreadPool& thread_pool() { return cpu_device().pool; }

}  // namespace cpu

Device& device() { return cpu::cpu_device().device; }

}  // namespace llft

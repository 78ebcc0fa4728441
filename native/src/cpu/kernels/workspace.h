// Memory of one thread, kept from call to call.
#pragma once

#include <cstdlib>
#include <new>

namespace llft::cpu::LLFT_ISA {

class Workspace {
 public:
  ~Workspace() { std::free(data_); }
  // At least so many bytes, on a line of the cache. What they held may be lost.
  char* reserve(size_t bytes) {
    if (bytes > size_) {
      std::free(data_);
      size_ = 0;
      const size_t rounded = (bytes + 4095) / 4096 * 4096;
      data_ = static_cast<char*>(std::aligned_alloc(64, rounded));
      if (!data_) throw std::bad_alloc();
      size_ = rounded;
    }
    return data_;
  }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace llft::cpu::LLFT_ISA

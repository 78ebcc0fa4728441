// What happens when a mapped file shrinks: the system has nothing to give for its last pages, and
// sends SIGBUS to whoever touches them. Zeros then stand for all that follows, so that the process
// lives on; the computation that met them fails, and so does whatever reads the file afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace llft {

class MappingGuard {
 public:
  // Watches a mapping while it lives. Installs the handler of the signal at the first one.
  MappingGuard(const void* data, size_t bytes, bool writable, std::string path);
  ~MappingGuard();
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;

  // How often a page of a watched mapping was missing so far. It grows while a computation runs that
  // meets one.
  static uint64_t missing_pages();
  // What to say of a computation that met one: it names the file.
  static std::string message();

 private:
  int slot_ = -1;  // none where there are more mappings than slots
};

}  // namespace llft

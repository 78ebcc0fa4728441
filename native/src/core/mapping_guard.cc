#include "core/mapping_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <utility>

namespace llft {
namespace {

struct Slot {
  std::atomic<bool> used{false};
  std::atomic<uintptr_t> begin{0}, end{0};  // end is 0 while the slot watches nothing
  std::atomic<bool> writable{false};
  std::atomic<bool> lost_pages{false};
  std::string path;  // guarded by slots_mutex
};

// What follows is never destroyed: the threads of a device may outlive static destructors.

// The handler reads them; it may take no lock.
std::array<Slot, 4096>& slots = *new std::array<Slot, 4096>();
std::atomic<uint64_t> missing{0};
std::mutex& slots_mutex = *new std::mutex();
// Guarded by slots_mutex: of the file that lost pages and was unmapped last.
std::string& last_path = *new std::string();
struct sigaction previous;

void pass_on(int signal, siginfo_t* info, void* context) {
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // An access is made once more, and ends the process as it would have without us; a signal that
    // somebody sent is sent again.
    sigaction(signal, &previous, nullptr);
    if (info->si_code <= 0) raise(signal);
  }
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Slot& slot : slots) {
    if (address < slot.begin.load() || address >= slot.end.load()) continue;
    const uintptr_t page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t begin = address & ~(page_size - 1);
    void* const page = reinterpret_cast<void*>(begin);
    const int protection = slot.writable.load() ? PROT_READ | PROT_WRITE : PROT_READ;
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    // All that follows in one mapping: a process may have only so many.
    if (mmap(page, slot.end.load() - begin, protection, kFlags, -1, 0) == page) {
      slot.lost_pages.store(true);
      missing.fetch_add(1);
      return;
    }
  }
  pass_on(signal, info, context);
}

void install() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
  });
}

std::string damaged_path() {
  std::lock_guard lock(slots_mutex);
  for (const Slot& slot : slots) {
    if (slot.used.load() && slot.lost_pages.load()) return slot.path;
  }
  return last_path;
}

}  // namespace

MappingGuard::MappingGuard(const void* data, size_t bytes, bool writable, std::string path) {
  install();
  std::lock_guard lock(slots_mutex);
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    if (slot.used.load()) continue;
    slot.used.store(true);
    slot.lost_pages.store(false);
    slot.writable.store(writable);
    slot.path = std::move(path);
    slot.begin.store(reinterpret_cast<uintptr_t>(data));
    slot.end.store(reinterpret_cast<uintptr_t>(data) + bytes);
    slot_ = static_cast<int>(i);
    return;
  }
}

MappingGuard::~MappingGuard() {
  if (slot_ < 0) return;
  std::lock_guard lock(slots_mutex);
  Slot& slot = slots[static_cast<size_t>(slot_)];
  if (slot.lost_pages.load()) last_path = slot.path;
  slot.end.store(0);
  slot.begin.store(0);
  slot.used.store(false);
}

uint64_t MappingGuard::missing_pages() { return missing.load(std::memory_order_relaxed); }

std::string MappingGuard::message() {
  return damaged_path() +
         ": the file must stay as it was while it is mapped; got one that was cut. Load the model "
         "again, or with { mmap: false }.";
}

}  // namespace llft

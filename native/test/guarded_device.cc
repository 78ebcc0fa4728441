// A second device, to show that ops reach memory and kernels through Device alone. It computes with
// the CPU's kernels, in memory that faults at every access but theirs: pages are readable and
// writable only while a kernel or a copy of the device runs, and whoever asked for it waits
// meanwhile.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <future>
#include <map>
#include <utility>

#include "core/error.h"
#include "cpu/cpu_device.h"
#include "cpu/cpu_stream.h"
#include "device_under_test.h"

namespace llft::test {
namespace {

constexpr size_t kGuardedBytes = size_t{256} << 20;

class GuardedDevice final : public Device {
 public:
  GuardedDevice() {
    // One block that is given back: the allocator then keeps the memory of its whole line.
    const Block line = allocator_.allocate(kGuardedBytes);
    begin_ = static_cast<char*>(line.data);
    allocator_.release(line);
    allow(PROT_NONE);
  }

  const char* name() const override { return "guarded"; }
  Stream& stream() override { return stream_; }
  Allocator& allocator() override { return allocator_; }
  bool shares_host_memory() const override { return false; }

  void write(const char* op, std::shared_ptr<const void> source, const Tensor& target) override {
    run(
        op, [&] { std::memcpy(target.data(), source.get(), target.bytes()); },
        Uses().writes({&target}));
  }
  void read(const char* op, const Tensor& source, std::shared_ptr<void> target,
            Stream::Done done) override {
    const auto copy = [&] { std::memcpy(target.get(), source.data(), source.bytes()); };
    if (source.bytes() > 0) run(op, copy, Uses().reads({&source}));
    stream_.notify(op, std::move(done), Uses().reads({&source}));
  }

#define LLFT_RUN_KERNEL(name, Args)                                      \
  void name(const char* op, const Args& args, Uses uses) override {      \
    ++launches_[#name];                                                  \
    run(op, [&] { cpu::kernels().name(args, pool_); }, std::move(uses)); \
  }
  LLFT_KERNELS(LLFT_RUN_KERNEL)
#undef LLFT_RUN_KERNEL

  int launches(const std::string& kernel) const {
    const auto found = launches_.find(kernel);
    return found == launches_.end() ? 0 : found->second;
  }

 private:
  void allow(int protection) {
    if (mprotect(begin_, kGuardedBytes, protection) != 0) std::abort();
  }

  // Runs `work` on the stream and waits until it has ended; errors stay in what it was to write.
  template <class Work>
  void run(const char* op, const Work& work, Uses uses) {
    const auto unlocked = [&] {
      allow(PROT_READ | PROT_WRITE);
      struct Guard {
        GuardedDevice& device;
        ~Guard() { device.allow(PROT_NONE); }
      } guard{*this};
      work();
    };
    stream_.enqueue(op, unlocked, std::move(uses));
    std::promise<void> ended;
    stream_.notify(op, [&](const StreamError*) { ended.set_value(); });
    ended.get_future().wait();
  }

  cpu::ThreadPool pool_{1};
  cpu::CpuStream stream_;
  Allocator allocator_{stream_, kGuardedBytes};
  char* begin_ = nullptr;
  std::map<std::string, int> launches_;
};

bool is_guarded() {
  const char* name = std::getenv("LLFT_TEST_DEVICE");
  return name && std::string(name) == "guarded";
}

GuardedDevice& guarded_device() {
  static auto* device = new GuardedDevice();
  return *device;
}

}  // namespace

Device& device() {
  static Device& chosen = is_guarded() ? guarded_device() : host_device();
  return chosen;
}

std::vector<std::string> kernels_not_launched() {
  std::vector<std::string> missing;
  if (!is_guarded()) return missing;
#define LLFT_LIST_MISSING(name, Args) \
  if (guarded_device().launches(#name) == 0) missing.push_back(#name);
  LLFT_KERNELS(LLFT_LIST_MISSING)
#undef LLFT_LIST_MISSING
  return missing;
}

}  // namespace llft::test

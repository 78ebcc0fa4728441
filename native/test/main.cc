// The test program. Run a part of it with `llft_tests -tc="name*"`, on one instruction set with
// LLFT_ISA=avx2, and the ops on a device with memory of its own with LLFT_TEST_DEVICE=guarded.
#define DOCTEST_CONFIG_IMPLEMENT
#include "doctest/doctest.h"

#include <cstdio>

#include "device_under_test.h"

// Tests ask for memory that no machine has: the sanitisers are to refuse it as the system does, not
// to stop.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "allocator_may_return_null=1";
}

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int result = context.run();
  const bool all_ran = argc == 1 || !context.shouldExit();
  const auto missing = llft::test::kernels_not_launched();
  if (result != 0 || !all_ran || missing.empty()) return result;
  for (const std::string& kernel : missing) {
    std::fprintf(stderr, "no op launched %s through the device\n", kernel.c_str());
  }
  return 1;
}

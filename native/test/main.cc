// The test program. Run a part of it with `llft_tests -tc="name*"`, on one instruction set with
// LLFT_ISA=avx2, and the ops on a device with memory of its own with LLFT_TEST_DEVICE=guarded.
#define DOCTEST_CONFIG_IMPLEMENT
#include "doctest/doctest.h"

#include <cstdio>
#include <string>
#include <vector>

#include "device_under_test.h"

// Tests ask for memory that no machine has: the sanitisers are to refuse it as the system does, not
// to stop.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "allocator_may_return_null=1";
}

// Whether a part of the tests was asked for, which then need not launch every kernel.
static bool is_filtered(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    for (const char* filter :
         {"-tc", "--test-case", "-ts", "--test-suite", "-sf", "--source-file"}) {
      if (argument.starts_with(filter)) return true;
    }
  }
  return false;
}

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int result = context.run();
  if (result != 0 || context.shouldExit() || is_filtered(argc, argv)) return result;
  const std::vector<std::string> missing = llft::test::kernels_not_launched();
  for (const std::string& kernel : missing) {
    std::fprintf(stderr, "no op launched %s through the device\n", kernel.c_str());
  }
  return missing.empty() ? 0 : 1;
}

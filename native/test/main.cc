// The test program. Run a part of it with `llft_tests -tc="name*"`, on one instruction set with
// LLFT_ISA=avx2.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "doctest/doctest.h"

// Tests ask for memory that no machine has: the sanitisers are to refuse it as the system does, not
// to stop.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "allocator_may_return_null=1";
}

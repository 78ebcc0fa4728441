// The test program. Run a part of it with `llft_tests -tc="name*"`, on one instruction set with LLFT_ISA=avx2.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "doctest/doctest.h"

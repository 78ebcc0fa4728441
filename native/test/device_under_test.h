// The device that the tests of ops run on: the CPU's, or with LLFT_TEST_DEVICE=guarded one whose
// memory nothing but its own kernels and copies can reach.
#pragma once

#include <string>
#include <vector>

#include "core/device.h"

namespace llft::test {

Device& device();

// The kernels of core/kernels.h that the guarded device was never asked for. Empty on the CPU's.
std::vector<std::string> kernels_not_launched();

}  // namespace llft::test

// The choice of the instruction set.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernels.h"

namespace llft::cpu {

// Every kernel table of this build that this machine can run, best first; the last is the portable
// one.
const std::vector<const Kernels*>& available_kernels();

// The table with this name; throws Config where the build or the machine has none. Null or "": the
// best one.
const Kernels& select_kernels(const char* isa);

}  // namespace llft::cpu

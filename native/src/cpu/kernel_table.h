// The kernel tables of the instruction sets; which of them exist is up to the build.
#pragma once

#include "cpu/kernels.h"

namespace llft::cpu {

namespace portable {
const Kernels& kernel_table();
}
namespace neon {
const Kernels& kernel_table();
}
namespace avx2 {
const Kernels& kernel_table();
}
namespace avx512 {
const Kernels& kernel_table();
}
namespace avx512bf16 {
const Kernels& kernel_table();
}

}  // namespace llft::cpu

// Compiled once per instruction set, as the kernels are.
#include "cpu/kernel_table.h"

#define LLFT_TEXT_OF(x) #x
#define LLFT_TEXT(x) LLFT_TEXT_OF(x)

namespace llft::cpu::LLFT_ISA {

#define LLFT_DECLARE_KERNEL(name, Args) void name(const Args&, ThreadPool&);
LLFT_KERNELS(LLFT_DECLARE_KERNEL)
#undef LLFT_DECLARE_KERNEL

const Kernels& kernel_table() {
  static const Kernels table = {LLFT_TEXT(LLFT_ISA),
#define LLFT_KERNEL_ENTRY(name, Args) &name,
                                LLFT_KERNELS(LLFT_KERNEL_ENTRY)
#undef LLFT_KERNEL_ENTRY
  };
  return table;
}

}  // namespace llft::cpu::LLFT_ISA

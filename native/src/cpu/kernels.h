// The CPU kernels of one instruction set, as a table of functions.
//
// A kernel `name` has its argument struct and its contract in cpu/kernels/<name>.h and its code in
// cpu/kernels/<name>.cc, which is compiled once per instruction set into namespace llft::cpu::LLFT_ISA.
// Adding one: write the two files, include the header here and add a line to the list.
#pragma once

#include "cpu/kernels/convert.h"
#include "cpu/kernels/cross_entropy.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/fill.h"
#include "cpu/kernels/gemm.h"
#include "cpu/kernels/linear_cross_entropy.h"
#include "cpu/kernels/move_rows.h"
#include "cpu/kernels/rope.h"
#include "cpu/thread_pool.h"

// X(kernel function, argument struct)
#define LLFT_CPU_KERNELS(X) \
  X(convert, ConvertArgs) \
  X(fill, FillArgs) \
  X(fill_random, FillRandomArgs) \
  X(copy_columns, CopyColumnsArgs) \
  X(gather_rows, MoveRowsArgs) \
  X(scatter_rows, MoveRowsArgs) \
  X(scatter_add_rows, ScatterAddRowsArgs) \
  X(gemm, GemmArgs) \
  X(add, BinaryArgs) \
  X(mul, BinaryArgs) \
  X(scale, ScaleArgs) \
  X(accumulate, AccumulateArgs) \
  X(rope, RopeArgs) \
  X(cross_entropy, CrossEntropyArgs) \
  X(linear_cross_entropy, LinearCrossEntropyArgs)

namespace llft::cpu {

struct Kernels {
  const char* isa;  // "avx512bf16", "avx512", "avx2", "neon", "portable"
#define LLFT_KERNEL_FIELD(name, Args) void (*name)(const Args&, ThreadPool&);
  LLFT_CPU_KERNELS(LLFT_KERNEL_FIELD)
#undef LLFT_KERNEL_FIELD
};

}  // namespace llft::cpu

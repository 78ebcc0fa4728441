// The CPU kernels of one instruction set, as a table of functions.
//
// A kernel `name` has its argument struct and its contract in cpu/kernels/<name>.h and its code in
// cpu/kernels/<name>.cc, which is compiled once per instruction set into namespace
// llft::cpu::LLFT_ISA. Adding one: write the two files, include the header here and add a line to
// the list.
#pragma once

#include "cpu/kernels/adafactor.h"
#include "cpu/kernels/adamw8bit.h"
#include "cpu/kernels/attention.h"
#include "cpu/kernels/column_sums.h"
#include "cpu/kernels/convert.h"
#include "cpu/kernels/cross_entropy.h"
#include "cpu/kernels/dequantize.h"
#include "cpu/kernels/dropout.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/embedding.h"
#include "cpu/kernels/fill.h"
#include "cpu/kernels/gemm.h"
#include "cpu/kernels/linear_cross_entropy.h"
#include "cpu/kernels/lion.h"
#include "cpu/kernels/move_rows.h"
#include "cpu/kernels/optimizer.h"
#include "cpu/kernels/quantize.h"
#include "cpu/kernels/reduce.h"
#include "cpu/kernels/rms_norm.h"
#include "cpu/kernels/rope.h"
#include "cpu/kernels/sample.h"
#include "cpu/kernels/swiglu.h"
#include "cpu/thread_pool.h"

// X(kernel function, argument struct)
#define LLFT_CPU_KERNELS(X)                    \
  X(convert, ConvertArgs)                      \
  X(fill, FillArgs)                            \
  X(fill_random, FillRandomArgs)               \
  X(copy_columns, CopyColumnsArgs)             \
  X(gather_rows, MoveRowsArgs)                 \
  X(scatter_rows, MoveRowsArgs)                \
  X(scatter_add_rows, ScatterAddRowsArgs)      \
  X(gemm, GemmArgs)                            \
  X(quantize_4bit, Quantize4bitArgs)           \
  X(quantize_8bit, Quantize8bitArgs)           \
  X(dequantize_8bit, Dequantize8bitArgs)       \
  X(quantize_int8, QuantizeInt8Args)           \
  X(dequantize_rows, DequantizeRowsArgs)       \
  X(add, BinaryArgs)                           \
  X(mul, BinaryArgs)                           \
  X(scale, ScaleArgs)                          \
  X(accumulate, AccumulateArgs)                \
  X(mul_columns, MulColumnsArgs)               \
  X(column_sums, ColumnSumsArgs)               \
  X(reduce, ReduceArgs)                        \
  X(row_norms, RowNormsArgs)                   \
  X(dropout, DropoutArgs)                      \
  X(embedding, EmbeddingArgs)                  \
  X(embedding_backward, EmbeddingBackwardArgs) \
  X(rms_norm, RmsNormArgs)                     \
  X(rms_norm_backward, RmsNormBackwardArgs)    \
  X(swiglu, SwigluArgs)                        \
  X(swiglu_backward, SwigluBackwardArgs)       \
  X(clip_factor, ClipFactorArgs)               \
  X(adamw_step, AdamwStepArgs)                 \
  X(adamw8bit_step, Adamw8bitStepArgs)         \
  X(sgd_step, SgdStepArgs)                     \
  X(lion_step, LionStepArgs)                   \
  X(adafactor_step, AdafactorStepArgs)         \
  X(sample, SampleArgs)                        \
  X(rope, RopeArgs)                            \
  X(attention, AttentionArgs)                  \
  X(attention_backward, AttentionBackwardArgs) \
  X(cross_entropy, CrossEntropyArgs)           \
  X(linear_cross_entropy, LinearCrossEntropyArgs)

namespace llft::cpu {

struct Kernels {
  const char* isa;  // "avx512bf16", "avx512", "avx2", "neon", "portable"
#define LLFT_KERNEL_FIELD(name, Args) void (*name)(const Args&, ThreadPool&);
  LLFT_CPU_KERNELS(LLFT_KERNEL_FIELD)
#undef LLFT_KERNEL_FIELD
};

}  // namespace llft::cpu

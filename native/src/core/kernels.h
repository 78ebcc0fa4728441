// The kernels that every device has: their names and argument structs.
//
// A kernel `name` has its argument struct and its contract in core/kernels/<name>.h, and its code in
// each device's folder. Adding one: write the header, include it here and add a line to the list;
// every device must then have it.
#pragma once

#include "core/kernels/adafactor.h"
#include "core/kernels/adamw8bit.h"
#include "core/kernels/attention.h"
#include "core/kernels/column_sums.h"
#include "core/kernels/convert.h"
#include "core/kernels/cross_entropy.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/dropout.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/embedding.h"
#include "core/kernels/fill.h"
#include "core/kernels/gemm.h"
#include "core/kernels/linear_cross_entropy.h"
#include "core/kernels/lion.h"
#include "core/kernels/move_rows.h"
#include "core/kernels/optimizer.h"
#include "core/kernels/quantize.h"
#include "core/kernels/quantize_blocks.h"
#include "core/kernels/reduce.h"
#include "core/kernels/rms_norm.h"
#include "core/kernels/rope.h"
#include "core/kernels/sample.h"
#include "core/kernels/swiglu.h"

// X(kernel, argument struct)
#define LLFT_KERNELS(X)                        \
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
  X(quantize_blocks, QuantizeBlocksArgs)       \
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

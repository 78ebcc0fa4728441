// The contract of a quantised matrix: everything that a kernel relies on.
#pragma once

#include "core/check.h"
#include "core/kernels/quantized.h"
#include "core/quantized.h"
#include "core/uses.h"

namespace llft::ops {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void require_block(const char* op, int64_t block);  // a power of two in [32, 4096]
// That rows of the format, which is one of blocks, have whole ones.
void require_whole_blocks(const char* op, QuantFormat format, int64_t columns);
void require_quantized(const char* op, const QuantizedMatrix& w);

// The matrix as kernels take it. Its tensors must live until the kernel is queued.
QuantizedData data_of(const QuantizedMatrix& w);

// That a kernel reads it.
Uses reads(const QuantizedMatrix& w);

}  // namespace llft::ops

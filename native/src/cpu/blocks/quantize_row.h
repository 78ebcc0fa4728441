// A row of floats to blocks of GGUF: core/kernels/quantize_blocks.h says how.
#pragma once

#include <cstdint>

#include "core/quantized.h"

namespace llft::cpu {

// x [columns], all finite; importance [columns] or null; out [row_bytes(format, columns)], overwritten.
// False where float16 cannot hold a scale.
bool quantize_row(QuantFormat format, const float* x, const float* importance, int64_t columns,
                  uint8_t* out);

}  // namespace llft::cpu

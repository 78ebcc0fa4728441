// Floats to codes, as bitsandbytes does it.
//
// quantize_4bit, blocks of 2^k elements of x [n], row-major:
//   absmax[b] = max |x| of the block;  s = clamp(x * (1 / max(absmax, 1e-38)), -1, 1)
//   code = number of midpoints between neighbouring codebook values that are below s; of an odd n,
//   the last half byte is the code of 0
// quantize_8bit, blocks of x [n], with d = x - offset and offset = mean of x, or 0:
//   absmax[b] = max |d|;  s = clamp(d * (1 / absmax), -1, 1), or 0 in a block of zeros
//   s is moved to the middle of its cell of 1/32767.5, and takes the code of the nearest value of
//   the dynamic map; a block of zeros takes code 0
// quantize_int8, rows of x [rows, columns]:
//   absmax[r] = max |x| / 127;  code = nearest integer to x * (127 / max |x|), even at ties
//
// The mean is summed in the order of torch.mean on one thread: 8 lanes by 4 chains, in cascades.
// absmax of a block that holds NaN or infinity is NaN. All outputs are overwritten.
// Bytes: x and the codes once. FLOPs: about 35 per element, the comparisons. Error: none; the codes
// are the nearest values, up to the rounding of s.
// Source: see core/quantized.h; the cell of the 8-bit codes is that of bitsandbytes on a CPU.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/quantized.h"

namespace llft {

struct Quantize4bitArgs {
  QuantFormat format = QuantFormat::NF4;
  DType dtype = DType::F32;  // of x: F32, BF16 or F16
  const void* x = nullptr;   // [n]
  int64_t n = 0;
  int64_t block = 0;
  uint8_t* codes = nullptr;  // [ceil(n / 2)], the first code in the high half
  float* absmax = nullptr;   // [ceil(n / block)]
};

struct Quantize8bitArgs {
  const float* x = nullptr;  // [n]
  int64_t n = 0;
  int64_t block = 0;
  bool is_signed = true;     // the map
  uint8_t* codes = nullptr;  // [n]
  float* absmax = nullptr;   // [ceil(n / block)]
  float* offset = nullptr;   // [1], or null: 0
};

struct Dequantize8bitArgs {        // x = values[code] * absmax of its block + offset
  const uint8_t* codes = nullptr;  // [n]
  const float* absmax = nullptr;   // [ceil(n / block)]
  const float* offset = nullptr;   // [1], or null: 0
  int64_t n = 0;
  int64_t block = 0;
  bool is_signed = true;
  float* x = nullptr;  // [n]
};

struct QuantizeInt8Args {
  DType dtype = DType::F32;  // of x: F32, BF16 or F16
  const void* x = nullptr;   // [rows, columns]
  int64_t rows = 0;
  int64_t columns = 0;
  int8_t* codes = nullptr;  // [rows, columns]
  float* absmax = nullptr;  // [rows]
};

}  // namespace llft

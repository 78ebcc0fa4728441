// dst[i] = src[i], rounded to the destination's type (nearest even):
//
//   float32, bfloat16, float16 -> float32, bfloat16;  any type -> itself, bit for bit
//
// NaN stays NaN, infinities stay, subnormal numbers are kept. Overwrites dst, which must not
// overlap src. Bytes: src and dst once. Error: exact when widening, else half a unit in the last
// place of the destination. Source: IEEE 754-2019 binary16; bfloat16 is the upper half of binary32.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

struct ConvertArgs {
  DType src_dtype = DType::F32;
  DType dst_dtype = DType::F32;
  const void* src = nullptr;  // [count]
  void* dst = nullptr;        // [count]
  int64_t count = 0;
};

}  // namespace llft

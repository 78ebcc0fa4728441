// Element types of tensors. bfloat16 is the upper half of a float32; float16 is a storage format
// only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llft {

enum class DType : uint8_t { F32, BF16, F16, I32, U8, I8 };

constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::F32:
    case DType::I32:
      return 4;
    case DType::BF16:
    case DType::F16:
      return 2;
    case DType::U8:
    case DType::I8:
      return 1;
  }
  return 0;
}

constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::F32:
      return "float32";
    case DType::BF16:
      return "bfloat16";
    case DType::F16:
      return "float16";
    case DType::I32:
      return "int32";
    case DType::U8:
      return "uint8";
    case DType::I8:
      return "int8";
  }
  return "?";
}

// Storage of one bfloat16 value. Kernels widen it to float32 before any arithmetic.
struct bf16 {
  uint16_t bits;
};

}  // namespace llft

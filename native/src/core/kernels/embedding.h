// Rows of a table by token id, and the gradient of the table.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace llft {

struct EmbeddingArgs {
  const void* weight;  // dtype [vocabulary, columns]
  const int32_t* ids;  // [tokens]
  void* y;             // dtype [tokens, columns], overwritten
  int64_t tokens;
  int64_t vocabulary;
  int64_t columns;
  DType dtype;  // float32 or bfloat16
};

struct EmbeddingBackwardArgs {
  const void* dy;      // dtype [tokens, columns]
  const int32_t* ids;  // [tokens]
  float* dweight;      // [vocabulary, columns], overwritten
  int64_t tokens;
  int64_t vocabulary;
  int64_t columns;
  DType dtype;  // float32 or bfloat16
};

}  // namespace llft

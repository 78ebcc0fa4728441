// Matrix product with up to two products summed in one float32 accumulation and one store:
//
//   C[M, N] = bias[N] + sum over terms s of alpha_s * op(A_s)[M, K_s] * op(B_s)[K_s, N]
//             (+ C where `accumulate`)
//
// The second term is LoRA's low-rank product. All matrices are row-major with a row stride in
// elements, need no alignment beyond their element, and may have any size, 0 included (K = 0 leaves
// bias, or 0). Accumulation: float32, term by term, in ascending blocks of k. An element's
// bits depend on its own row of A, its column of B and its bias alone: not on threads, M, N or its
// place in C, but for a few rows (a device may have another kernel for them).
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/kernels/quantized.h"

namespace llft {

struct GemmTerm {
  const void* a = nullptr;  // in_dtype: [M, K], or [K, M] where transpose_a
  const void* b = nullptr;  // in_dtype: [K, N], or [N, K] where transpose_b; unused where quantised
  int64_t k = 0;
  int64_t lda = 0;  // elements from one stored row to the next
  int64_t ldb = 0;
  bool transpose_a = false;
  bool transpose_b = false;
  float alpha = 1.0f;
  QuantizedData quantized = {};  // B where it has codes: expanded to in_dtype, part by part,
                                 // where there are many rows
  bool fixed_point = false;      // a quantised B may be multiplied by A as whole numbers, where the
                                 // device is faster at that

  bool is_quantized() const { return quantized.codes != nullptr; }
};

struct GemmArgs {
  int64_t m = 0;
  int64_t n = 0;
  DType in_dtype = DType::F32;  // of every a, b and bias: F32 or BF16
  GemmTerm terms[2];
  int term_count = 1;
  const void* bias = nullptr;    // in_dtype [N], or null
  void* c = nullptr;             // out_dtype [M, N]
  DType out_dtype = DType::F32;  // F32 or BF16 (rounded to nearest even)
  int64_t ldc = 0;
  bool accumulate = false;  // C += instead of C =; out_dtype must be F32
};

}  // namespace llft

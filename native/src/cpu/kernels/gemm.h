// Matrix product with up to two products summed in one float32 accumulation and one store:
//
//   C[M, N] = bias[N] + sum over segments s of alpha_s * op(A_s)[M, K_s] * op(B_s)[K_s, N]
//             (+ C where `accumulate`)
//
// The second segment is LoRA's low-rank product. All matrices are row-major with a row stride in
// elements, need no alignment beyond their element, and may have any size, 0 included (K = 0 leaves
// bias, or 0). Accumulation: float32, in blocks of kGemmBlockUnits along K that are summed in
// ascending order, segment by segment. So an element's bits depend on its own row of A, its column
// of B and its bias alone: not on threads, M, N or its place in C.
// The exception is M <= kGemmFewRows with B transposed (x w^T while decoding), where each dot
// product is summed in vector lanes: again the same for any thread count and any such M, but not
// the bits of the packed kernel.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "cpu/kernels/quantized.h"
#include "cpu/thread_pool.h"

namespace llft::cpu {

inline constexpr int64_t kGemmFewRows = 8;

struct GemmSegment {
  const void* a = nullptr;  // in_dtype: [M, K], or [K, M] where transpose_a
  const void* b = nullptr;  // in_dtype: [K, N], or [N, K] where transpose_b; unused where quantised
  int64_t k = 0;
  int64_t lda = 0;  // elements from one stored row to the next
  int64_t ldb = 0;
  bool transpose_a = false;
  bool transpose_b = false;
  float alpha = 1.0f;
  QuantizedData quantized = {};  // B where it has codes: expanded to in_dtype, part by part,
                                 // but for few rows (few_rows_codes.h)
  bool fixed_point = false;  // a quantised B may be multiplied by A as whole numbers where that is
                             // faster (gemm_fixed.h)

  bool is_quantized() const { return quantized.codes != nullptr; }
};

struct GemmArgs {
  int64_t m = 0;
  int64_t n = 0;
  DType in_dtype = DType::F32;  // of every a, b and bias: F32 or BF16
  GemmSegment segments[2];
  int segment_count = 1;
  const void* bias = nullptr;    // in_dtype [N], or null
  void* c = nullptr;             // out_dtype [M, N]
  DType out_dtype = DType::F32;  // F32 or BF16 (rounded to nearest even)
  int64_t ldc = 0;
  bool accumulate = false;  // C += instead of C =; out_dtype must be F32
};

#ifdef LLFT_ISA
namespace LLFT_ISA {
// The kernel itself; other kernels of the same instruction set may call it on the stream thread
// (not inside a task).
void gemm(const GemmArgs& args, ThreadPool& pool);
}  // namespace LLFT_ISA
#endif

}  // namespace llft::cpu

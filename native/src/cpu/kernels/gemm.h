// The CPU's matrix product; core/kernels/gemm.h has the formula and the arguments.
//
// Sums of a term go in blocks of kGemmBlockUnits along K. The exception is M <= kGemmFewRows with
// B transposed (x w^T while decoding), where each dot product is summed in vector lanes: again the
// same for any thread count and any such M, but not the bits of the packed kernel.
#pragma once

#include <cstdint>

#include "core/kernels/gemm.h"
#include "cpu/thread_pool.h"

namespace llft::cpu {

inline constexpr int64_t kGemmFewRows = 8;

#ifdef LLFT_ISA
namespace LLFT_ISA {
// The kernel itself; other kernels of the same instruction set may call it on the stream thread
// (not inside a task).
void gemm(const GemmArgs& args, ThreadPool& pool);
}  // namespace LLFT_ISA
#endif

}  // namespace llft::cpu

// C = bias + sum of alpha_s * A_s B_s^T for M <= kGemmFewRows: decoding. Each B is stored [N, K]
// and read once, unpacked, so the kernel runs at the speed of memory: 2 M N K FLOPs over N K
// elements. Codes of a quantised B are multiplied as they are (few_rows_codes.h), or become units
// in registers. Each element is a dot product whose lanes are summed in a fixed tree: bits depend
// on its rows of A and B alone.
#pragma once

#include "cpu/kernels/gemm.h"

namespace llft::cpu::LLFT_ISA {

bool gemm_is_few_rows(const GemmArgs& args);
void gemm_few_rows(const GemmArgs& args, ThreadPool& pool);

}  // namespace llft::cpu::LLFT_ISA

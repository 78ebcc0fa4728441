// One task of the attention's backward: some blocks of queries of a segment against some blocks of
// its keys, for one key/value head.
//
// Five products per tile of keys and queries, all on S^T as in the forward: S^T = K Q^T, dP^T = V
// dO^T, dV += P^T dO, dK += dS^T Q, dQ^T += K^T dS^T. Blocks of queries ascend, and within each the
// blocks of keys do: the order of summation of attention.h, however blocks are shared out to tasks.
#pragma once

#include "core/kernels/attention.h"

namespace llft::cpu::LLFT_ISA {

struct BlockRange {
  int64_t begin;
  int64_t end;
};

struct BackwardTask {
  const AttentionSegment* segment;
  int64_t kv_head;
  BlockRange query_blocks;
  BlockRange key_blocks;
  bool want_dq;
  bool want_dkv;
};

// delta of `args` must hold dout . o of every row.
void run_backward_task(const AttentionBackwardArgs& args, const BackwardTask& task);

}  // namespace llft::cpu::LLFT_ISA

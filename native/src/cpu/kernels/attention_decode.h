// Attention of segments with one query each, as in decoding: a dot product per key instead of
// tiles, since what counts is that the keys and values stream through once per key/value head.
//
// Keys are cut into chunks of kDecodeChunk from the first key of the segment, so that one long
// sequence uses all threads. A chunk gives its largest score m, the sum l of exp(s - m) and the
// weighted sum of v; chunks are combined in ascending order: o = sum of exp(m_c - M) o_c / sum of
// exp(m_c - M) l_c. Order of summation: a score in lanes along Dh, then the tree of
// simd::reduce_add; l in lanes along keys; o key by key. float32 throughout; P is not rounded.
// Bytes: k and v of the segment once, as they are stored. FLOPs: 4 H Dh per key. Error: that of
// attention.h with e = 0.
#pragma once

#include "core/kernels/attention.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {

static inline bool is_decode(const AttentionSegment& segment) { return segment.query_count == 1; }

// The segments of args.shape that are is_decode; the others are left alone. Overwrites their rows
// of o and lse.
void attention_decode(const AttentionArgs& args, ThreadPool& pool);

}  // namespace llft::cpu::LLFT_ISA

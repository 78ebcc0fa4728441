// Causal attention over segments of packed rows, forward and backward.
//
// Query i of a segment stands at key position p = key count - query count + i of it and sees its
// keys j with max(0, p - window + 1) <= j <= p (window 0: from 0). Query head h reads key/value
// head h / (H / Hkv). With s = scale * q . k:
//
//   lse  = log(sum over visible j of exp(s_j))
//   P_j  = exp(s_j - lse)
//   o    = sum over j of P_j v_j
//
//   D    = dout . o
//   dS_j = P_j (dout . v_j - D)
//   dq   = scale * sum over j of dS_j k_j
//   dk_j = scale * sum over queries of dS_j q
//   dv_j = sum over queries of P_j dout
//
// Rows that no segment covers get 0 (o, lse, dq of queries; dk, dv of keys). Outputs are
// overwritten. Accumulation: float32. With bfloat16 activations P and dS are rounded to bfloat16
// before they are multiplied, where the machine multiplies bfloat16 pairs (avx512bf16).
//
// Order of summation, which fixes the bits: keys of a segment in blocks of kAttentionKeyBlock from
// its first key, ascending; queries in blocks of attention_query_block from its first query,
// ascending, a block's rows ordered (query, head of the group). So a segment's results depend on it
// alone: not on threads, nor on what else is packed beside it. A segment of one query takes another
// route (attention_decode.h) with an order of its own.
//
// FLOPs, with N visible (query, key) pairs of all heads: forward 4 N Dh, backward 10 N Dh (14 N Dh
// where queries and keys are split apart, see attention_backward.cc). Bytes: q, o once; k, v once
// per group and block of queries.
//
// Errors, u = 2^-24, e = 2^-8 with bfloat16 pairs and 0 otherwise, n keys, b blocks of keys: a
// score is off by x = 2 scale (Dh + 8) u * max sum |q k|, P by d = x + 4 u relative, o by (2 d + e
// + (2 n + 10 b + 8) u) * sum P |v| and half a unit of the output type. Those of lse and of the
// gradients are derived at the head of test/attention_test.cc, which asserts them all.
//
// Sources: Dao et al., "FlashAttention", 2022 and Dao, "FlashAttention-2", 2023 (online softmax,
// recomputation from lse); Ainslie et al., "GQA", 2023; Jiang et al., "Mistral 7B", 2023 (window).
#pragma once

#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace llft {

struct AttentionSegment {
  int64_t query_start;
  int64_t query_count;
  int64_t key_start;
  int64_t key_count;  // at least query_count
};

struct AttentionShape {
  DType dtype = DType::F32;  // of q, k, v, o and their gradients: F32 or BF16
  int64_t tokens = 0;        // T
  int64_t key_rows = 0;      // S
  int64_t heads = 0;         // H, a multiple of Hkv
  int64_t kv_heads = 0;      // Hkv
  int64_t head_dim = 0;      // Dh
  float scale = 1.0f;        // > 0
  int64_t window = 0;
  std::vector<AttentionSegment>
      segments;  // query ranges apart from each other; in the backward key ranges too
};

struct AttentionArgs {
  AttentionShape shape;
  const void* q = nullptr;  // [T, H, Dh]
  const void* k = nullptr;  // [S, Hkv, Dh]
  const void* v = nullptr;  // [S, Hkv, Dh]
  void* o = nullptr;        // [T, H, Dh]
  float* lse = nullptr;     // [T, H]
};

struct AttentionBackwardArgs {
  AttentionShape shape;
  const void* dout = nullptr;  // [T, H, Dh]
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  const void* o = nullptr;
  const float* lse = nullptr;
  void* dq = nullptr;      // [T, H, Dh]
  void* dk = nullptr;      // [S, Hkv, Dh]
  void* dv = nullptr;      // [S, Hkv, Dh]
  float* delta = nullptr;  // workspace [T, H]
};

}  // namespace llft

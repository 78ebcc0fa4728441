// Formula, layouts, order of summation and error bounds: attention.h.
//
// Three kinds of task (attention_backward_task.h), which call the same products in the same order,
// so the bits are equal:
//   whole    (segment, key/value head): all blocks of queries, and within each all blocks of keys
//   queries  (segment, key/value head, block of queries): dq alone, three products
//   keys     (segment, key/value head, block of keys): dk and dv alone, four products
// `whole` does the least work and is taken where there are enough of them for the threads.
#include "core/kernels/attention.h"
#include "cpu/kernels/attention_backward_task.h"
#include "cpu/kernels/attention_tiles.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {
namespace {

// delta[t, h] = dout . o
template <class T>
static void dot_rows(const AttentionBackwardArgs& args, ThreadPool& pool) {
  const int64_t width = args.shape.head_dim;
  const T* const dout = static_cast<const T*>(args.dout);
  const T* const o = static_cast<const T*>(args.o);
  parallel_for(pool, args.shape.tokens * args.shape.heads, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      F32 sum = {};
      simd::for_vectors(width, [&](int64_t i, auto lanes) {
        sum = simd::fma(simd::load(dout + row * width + i, lanes),
                        simd::load(o + row * width + i, lanes), sum);
      });
      args.delta[row] = simd::reduce_add(sum);
    }
  });
}

static void clear_gaps(const AttentionBackwardArgs& args) {
  const AttentionShape& shape = args.shape;
  std::vector<std::pair<int64_t, int64_t>> queries, keys;
  for (const AttentionSegment& s : shape.segments) {
    queries.emplace_back(s.query_start, s.query_count);
    if (s.query_count > 0) keys.emplace_back(s.key_start, s.key_count);
  }
  const size_t head_bytes = static_cast<size_t>(shape.head_dim) * size_of(shape.dtype);
  clear_uncovered(args.dq, head_bytes * shape.heads, shape.tokens, queries);
  clear_uncovered(args.dk, head_bytes * shape.kv_heads, shape.key_rows, keys);
  clear_uncovered(args.dv, head_bytes * shape.kv_heads, shape.key_rows, keys);
}

// Whether whole tasks end sooner than split ones, which do 7 products instead of 5 and pack more.
static bool take_whole(const AttentionShape& shape, int threads) {
  double total = 0.0, longest = 0.0;
  for (const AttentionSegment& s : shape.segments) {
    const double cost = static_cast<double>(s.query_count) * static_cast<double>(s.key_count);
    total += cost * static_cast<double>(shape.kv_heads);
    longest = longest > cost ? longest : cost;
  }
  const double even = total / threads;
  const double whole = even + longest * (threads - 1) / threads;  // the longest may come last
  return whole < 1.5 * even;
}

static std::vector<BackwardTask> plan(const AttentionShape& shape, bool whole) {
  const int64_t query_block = attention_query_block(shape.heads / shape.kv_heads);
  std::vector<BackwardTask> tasks;
  for (const AttentionSegment& s : shape.segments) {
    if (s.query_count == 0) continue;
    const int64_t query_blocks = round_up(s.query_count, query_block) / query_block;
    const int64_t key_blocks = round_up(s.key_count, kAttentionKeyBlock) / kAttentionKeyBlock;
    for (int64_t h = 0; h < shape.kv_heads; ++h) {
      if (whole) {
        tasks.push_back({&s, h, {0, query_blocks}, {0, key_blocks}, true, true});
        continue;
      }
      for (int64_t i = query_blocks - 1; i >= 0; --i) {
        tasks.push_back({&s, h, {i, i + 1}, {0, key_blocks}, true, false});
      }
      for (int64_t j = 0; j < key_blocks; ++j) {
        tasks.push_back({&s, h, {0, query_blocks}, {j, j + 1}, false, true});
      }
    }
  }
  return tasks;
}

}  // namespace

void attention_backward(const AttentionBackwardArgs& args, ThreadPool& pool) {
  const AttentionShape& shape = args.shape;
  if (shape.heads == 0 || shape.head_dim == 0) return;
  clear_gaps(args);
  with_units(shape.dtype, [&](auto units) { dot_rows<typename decltype(units)::T>(args, pool); });
  const std::vector<BackwardTask> tasks = plan(shape, take_whole(shape, pool.threads()));
  pool.run(static_cast<int64_t>(tasks.size()),
           [&](int64_t i) { run_backward_task(args, tasks[static_cast<size_t>(i)]); });
}

}  // namespace llft::cpu::LLFT_ISA

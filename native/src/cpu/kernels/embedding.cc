// embedding: y[t] = weight[ids[t]]. embedding_backward: dweight[v] = sum over the t with ids[t] = v
// of dy[t].
//
// Layout: row-major, see embedding.h; both overwrite. Accumulation: float32, tokens in ascending
// order; the work is split by rows of the vocabulary, so the order does not depend on threads.
// Bytes: y (and the rows it copies), or dweight and dy once. FLOPs: none, or one per element of dy.
// Error: none, or (occurrences of the token) u sum |dy|, u = 2^-24.
#include "core/kernels/embedding.h"

#include <cstring>

#include "cpu/kernel_error.h"
#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

static inline void check_ids(const char* op, const int32_t* ids, int64_t tokens,
                             int64_t vocabulary) {
  for (int64_t t = 0; t < tokens; ++t) {
    if (ids[t] < 0 || ids[t] >= vocabulary) fail_index(op, "ids", ids[t], vocabulary);
  }
}

// Rows [begin, end) of dweight.
template <class T>
static inline void add_tokens(const EmbeddingBackwardArgs& args, int64_t begin, int64_t end) {
  const int64_t columns = args.columns;
  memset(args.dweight + begin * columns, 0,
         static_cast<size_t>((end - begin) * columns) * sizeof(float));
  for (int64_t t = 0; t < args.tokens; ++t) {
    if (args.ids[t] < begin || args.ids[t] >= end) continue;
    const T* dy = static_cast<const T*>(args.dy) + t * columns;
    float* row = args.dweight + args.ids[t] * columns;
    for_vectors(columns, [=](int64_t c, auto lanes) {
      store(row + c, load(row + c, lanes) + load(dy + c, lanes), lanes);
    });
  }
}

}  // namespace

void embedding(const EmbeddingArgs& args, ThreadPool& pool) {
  check_ids("embedding", args.ids, args.tokens, args.vocabulary);
  const size_t bytes = static_cast<size_t>(args.columns) * size_of(args.dtype);
  parallel_for(pool, args.tokens, row_grain(args.columns),
               [&args, bytes](int64_t begin, int64_t end) {
                 const char* weight = static_cast<const char*>(args.weight);
                 char* y = static_cast<char*>(args.y);
                 for (int64_t t = begin; t < end; ++t) {
                   memcpy(y + static_cast<size_t>(t) * bytes,
                          weight + static_cast<size_t>(args.ids[t]) * bytes, bytes);
                 }
               });
}

void embedding_backward(const EmbeddingBackwardArgs& args, ThreadPool& pool) {
  check_ids("embeddingBackward", args.ids, args.tokens, args.vocabulary);
  // Each task looks at every id: at least so many rows that this costs little beside its zeros.
  constexpr int64_t kMinRows = 512;
  const int64_t rows = 16 * row_grain(args.columns);
  parallel_for(pool, args.vocabulary, rows > kMinRows ? rows : kMinRows,
               [&args](int64_t begin, int64_t end) {
                 with_act(args.dtype, [&](auto tag) {
                   add_tokens<typename decltype(tag)::type>(args, begin, end);
                 });
               });
}

}  // namespace llft::cpu::LLFT_ISA

// reduce: sum over all sources and elements of x, or of x^2. row_norms: norms[r] = sqrt(sum over c
// of x[r, c]^2).
//
// Layout: flat arrays and a row-major matrix, see reduce.h; overwrites. Accumulation: float32
// within a block of kReduceBlock elements (or a row), double over the blocks, in ascending order.
// Bytes: x once. FLOPs: 1 or 2 per element.
// Error with u = 2^-24, L = 4 the fewest lanes: a sum of n elements in lanes passes at most n / (4
// L) + 3 additions in its chain and 2 + 4 after it, and one product where squared: (n / 16 + 10) u
// sum |x| with n = kReduceBlock, plus one rounding of the result. A norm's relative error is half
// of that of its square, plus one rounding.
#include "core/kernels/reduce.h"

#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

template <class T>
static inline float sum_of(const T* x, int64_t n) {
  return sum_vectors(n, [=](int64_t i, auto lanes) { return load(x + i, lanes); });
}

template <class T>
static inline float sum_of_squares(const T* x, int64_t n) {
  return sum_vectors(n, [=](int64_t i, auto lanes) {
    const F32 value = load(x + i, lanes);
    return value * value;
  });
}

// The source that a block belongs to: the last one that begins at or before it.
static inline const ReduceSource& source_of(const ReduceArgs& args, int64_t block) {
  size_t low = 0, high = args.sources.size();
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (args.sources[middle].first_block <= block ? low : high) = middle;
  }
  return args.sources[low];
}

static inline double sum_block(const ReduceArgs& args, int64_t block) {
  const ReduceSource& source = source_of(args, block);
  const int64_t begin = (block - source.first_block) * kReduceBlock;
  const int64_t n = source.n - begin < kReduceBlock ? source.n - begin : kReduceBlock;
  double sum = 0;
  with_act(source.dtype, [&](auto tag) {
    const auto* x = static_cast<const typename decltype(tag)::type*>(source.x) + begin;
    sum = args.squares ? sum_of_squares(x, n) : sum_of(x, n);
  });
  return sum;
}

}  // namespace

void reduce(const ReduceArgs& args, ThreadPool& pool) {
  parallel_for(pool, args.blocks, kElementGrain / kReduceBlock,
               [&args](int64_t begin, int64_t end) {
                 for (int64_t block = begin; block < end; ++block)
                   args.partials[block] = sum_block(args, block);
               });
  double sum = 0;
  for (int64_t block = 0; block < args.blocks; ++block) sum += args.partials[block];
  *args.sum = static_cast<float>(sum);
}

void row_norms(const RowNormsArgs& args, ThreadPool& pool) {
  parallel_for(pool, args.rows, row_grain(args.columns), [&args](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      args.norms[r] = __builtin_sqrtf(sum_of_squares(args.x + r * args.columns, args.columns));
    }
  });
}

}  // namespace llft::cpu::LLFT_ISA

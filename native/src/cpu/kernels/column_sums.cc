// mul_columns: y[r, c] = x[r, c] * v[c]. column_sums: sums[c] = sum over r of a[r, c] * b[r, c], or
// of a[r, c].
//
// Layout: row-major matrices, see column_sums.h; both overwrite. Accumulation: float32 in blocks of
// rows. Bytes: each operand once, and 4 / kColumnSumRows per element of partial sums. FLOPs: 1 and
// 2 per element. Error: mul_columns one rounding in float32 and one to the type of y; column_sums
// (kColumnSumRows + blocks + 1) u sum |a b|, u = 2^-24.
#include "core/kernels/column_sums.h"

#include "cpu/simd/column_sums.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

template <class T, class V>
static inline void multiply(const MulColumnsArgs& args, ThreadPool& pool) {
  const int64_t columns = args.columns;
  parallel_for(pool, args.rows, row_grain(columns), [&args, columns](int64_t begin, int64_t end) {
    const V* v = static_cast<const V*>(args.v);
    for (int64_t r = begin; r < end; ++r) {
      const T* x = static_cast<const T*>(args.x) + r * columns;
      T* y = static_cast<T*>(args.y) + r * columns;
      for_vectors(columns, [=](int64_t c, auto lanes) {
        store(y + c, load(x + c, lanes) * load(v + c, lanes), lanes);
      });
    }
  });
}

template <class T>
static inline void sum_block(const ColumnSumsArgs& args, int64_t begin, int64_t end, float* sums) {
  const int64_t columns = args.columns;
  for (int64_t r = begin; r < end; ++r) {
    const T* a = static_cast<const T*>(args.a) + r * columns;
    const T* b = static_cast<const T*>(args.b) + r * columns;
    if (args.b) {
      add_row(sums, columns, r == begin,
              [=](int64_t c, auto lanes) { return load(a + c, lanes) * load(b + c, lanes); });
    } else {
      add_row(sums, columns, r == begin, [=](int64_t c, auto lanes) { return load(a + c, lanes); });
    }
  }
}

}  // namespace

void mul_columns(const MulColumnsArgs& args, ThreadPool& pool) {
  with_act(args.dtype, [&](auto x) {
    with_act(args.v_dtype, [&](auto v) {
      multiply<typename decltype(x)::type, typename decltype(v)::type>(args, pool);
    });
  });
}

void column_sums(const ColumnSumsArgs& args, ThreadPool& pool) {
  parallel_for(pool, args.rows, kColumnSumRows, [&args](int64_t begin, int64_t end) {
    float* sums = args.partials + begin / kColumnSumRows * args.columns;
    with_act(args.dtype,
             [&](auto tag) { sum_block<typename decltype(tag)::type>(args, begin, end, sums); });
  });
  sum_blocks(args.partials, column_sum_blocks(args.rows), args.columns, args.sums, pool);
}

}  // namespace llft::cpu::LLFT_ISA

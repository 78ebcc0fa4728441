// s = x [+ residual], rounded to its type; rstd = 1 / sqrt(mean over the columns of s^2 + eps); y =
// s * rstd * weight. Backward, with g = dy * weight: dx = rstd * (g - s * rstd^2 * mean(g * s)) [+
// dsum], dweight = sum over rows of dy * s * rstd.
//
// Layout: row-major, see rms_norm.h; all outputs are overwritten. Accumulation: float32; dweight in
// blocks of rows as in cpu/simd/column_sums.h. y keeps float32 until it is stored; s is the rounded
// one, so that backward sees what forward saw. Bytes: each operand once (a row stays in the cache
// between its two passes). FLOPs: about 5 and 10 per element. Error with u = 2^-24, C columns and K
// = C / 16 + 10 (sum of products in at least 4 lanes, see reduce.cc):
//   y   |y| (K / 2 + 5) u                                     (mean, eps, root and quotient; two
//   products) dx  rstd (|g| 4 u + |s| rstd^2 mean |g s| (K + 8) u), and one rounding where dsum is
//   added dweight  (kColumnSumRows + blocks + 2) u sum |dy s rstd|; each plus the rounding to the
//   output's type.
// Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019.
#include "cpu/kernels/rms_norm.h"

#include "cpu/simd/column_sums.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

// Sum of the squares of x + residual, which goes to `sum`.
template <class T>
static inline float add_and_square(const T* x, const T* residual, T* sum, int64_t columns) {
  return sum_vectors(columns, [=](int64_t c, auto lanes) {
    store(sum + c, load(x + c, lanes) + load(residual + c, lanes), lanes);
    const F32 rounded = load(sum + c, lanes);
    return rounded * rounded;
  });
}

template <class T>
static inline float square(const T* x, int64_t columns) {
  return sum_vectors(columns, [=](int64_t c, auto lanes) {
    const F32 value = load(x + c, lanes);
    return value * value;
  });
}

template <class T, class W>
static inline void normalise_row(const RmsNormArgs& args, int64_t r) {
  const int64_t columns = args.columns;
  const T* x = static_cast<const T*>(args.x) + r * columns;
  float squares;
  if (args.residual) {
    T* sum = static_cast<T*>(args.sum) + r * columns;
    squares = add_and_square(x, static_cast<const T*>(args.residual) + r * columns, sum, columns);
    x = sum;
  } else {
    squares = square(x, columns);
  }
  const float rstd = 1.0f / __builtin_sqrtf(squares / static_cast<float>(columns) + args.eps);
  args.rstd[r] = rstd;
  const W* weight = static_cast<const W*>(args.weight);
  T* y = static_cast<T*>(args.y) + r * columns;
  for_vectors(columns, [=](int64_t c, auto lanes) {
    store(y + c, load(x + c, lanes) * rstd * load(weight + c, lanes), lanes);
  });
}

// dx of row r; adds the row to `sums` where they are wanted, or begins them with it.
template <class T, class W>
static inline void differentiate_row(const RmsNormBackwardArgs& args, int64_t r, float* sums,
                                     bool first) {
  const int64_t columns = args.columns;
  const T* dy = static_cast<const T*>(args.dy) + r * columns;
  const T* x = static_cast<const T*>(args.x) + r * columns;
  const W* weight = static_cast<const W*>(args.weight);
  T* dx = static_cast<T*>(args.dx) + r * columns;
  const float rstd = args.rstd[r];
  if (sums) {
    add_row(sums, columns, first, [=](int64_t c, auto lanes) {
      return load(dy + c, lanes) * (load(x + c, lanes) * rstd);
    });
  }
  const float dot = sum_vectors(columns, [=](int64_t c, auto lanes) {
    return load(dy + c, lanes) * load(weight + c, lanes) * load(x + c, lanes);
  });
  const float along_x = dot / static_cast<float>(columns) * rstd * rstd;
  const auto gradient = [=](int64_t c, auto lanes) {
    return (load(dy + c, lanes) * load(weight + c, lanes) - load(x + c, lanes) * along_x) * rstd;
  };
  if (args.dsum) {
    const T* dsum = static_cast<const T*>(args.dsum) + r * columns;
    for_vectors(columns, [=](int64_t c, auto lanes) {
      store(dx + c, gradient(c, lanes) + load(dsum + c, lanes), lanes);
    });
  } else {
    for_vectors(columns, [=](int64_t c, auto lanes) { store(dx + c, gradient(c, lanes), lanes); });
  }
}

// body(TypeOf<activation>, TypeOf<weight>)
template <class Args, class Body>
static inline void with_types(const Args& args, const Body& body) {
  with_act(args.dtype,
           [&](auto act) { with_act(args.weight_dtype, [&](auto weight) { body(act, weight); }); });
}

}  // namespace

void rms_norm(const RmsNormArgs& args, ThreadPool& pool) {
  with_types(args, [&](auto act, auto weight) {
    parallel_for(pool, args.rows, row_grain(args.columns), [&args](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        normalise_row<typename decltype(act)::type, typename decltype(weight)::type>(args, r);
      }
    });
  });
}

void rms_norm_backward(const RmsNormBackwardArgs& args, ThreadPool& pool) {
  with_types(args, [&](auto act, auto weight) {
    parallel_for(pool, args.rows, kColumnSumRows, [&args](int64_t begin, int64_t end) {
      float* sums = args.partials ? args.partials + begin / kColumnSumRows * args.columns : nullptr;
      for (int64_t r = begin; r < end; ++r) {
        differentiate_row<typename decltype(act)::type, typename decltype(weight)::type>(
            args, r, sums, r == begin);
      }
    });
  });
  if (args.dweight) {
    sum_blocks(args.partials, column_sum_blocks(args.rows), args.columns, args.dweight, pool);
  }
}

}  // namespace llft::cpu::LLFT_ISA

// s = x [+ residual]; rstd = 1 / sqrt(mean over the columns of s^2 + eps); y = s * rstd * weight.
// Backward, with g = dy * weight: dx = rstd * (g - s * rstd^2 * mean(g * s)) [+ dsum],
// dweight = sum over rows of dy * s * rstd.
//
// Layout: row-major, see rms_norm.h; all outputs are overwritten. Accumulation: float32; dweight in
// blocks of rows as in cpu/simd/column_sums.h. The sum is float32 whatever the type of x: the
// residual stream of a deep model grows far beyond its branches, and rounding it to bfloat16 after
// each would cost more than all other roundings together. Bytes: each operand once (a row stays in
// the cache between its two passes). FLOPs: about 5 and 10 per element. Error with u = 2^-24, C
// columns and K = C / 16 + 10 (sum of products in at least 4 lanes, see reduce.cc):
//   sum      one rounding
//   y        |y| (K / 2 + 5) u   (mean, eps, root and quotient; two products)
//   dx       rstd (|g| 4 u + |s| rstd^2 mean |g s| (K + 8) u), and one rounding where dsum is added
//   dweight  (kColumnSumRows + blocks + 2) u sum |dy s rstd|
// each plus the rounding to the output's type.
// Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019.
#include "core/kernels/rms_norm.h"

#include "cpu/simd/column_sums.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

// Sum of the squares of x + residual, which goes to `sum`.
template <class T, class R>
static inline float add_and_square(const T* x, const R* residual, float* sum, int64_t columns) {
  return sum_vectors(columns, [=](int64_t c, auto lanes) {
    const F32 value = load(x + c, lanes) + load(residual + c, lanes);
    store(sum + c, value, lanes);
    return value * value;
  });
}

template <class T>
static inline float square(const T* x, int64_t columns) {
  return sum_vectors(columns, [=](int64_t c, auto lanes) {
    const F32 value = load(x + c, lanes);
    return value * value;
  });
}

// y and rstd of row r, from its values and the sum of their squares.
template <class S, class T, class W>
static inline void scale_row(const RmsNormArgs& args, int64_t r, const S* values, float squares,
                             T* y, const W* weight) {
  const float rstd = 1.0f / __builtin_sqrtf(squares / static_cast<float>(args.columns) + args.eps);
  args.rstd[r] = rstd;
  for_vectors(args.columns, [=](int64_t c, auto lanes) {
    store(y + c, load(values + c, lanes) * rstd * load(weight + c, lanes), lanes);
  });
}

template <class T, class R, class W>
static inline void normalise_row(const RmsNormArgs& args, int64_t r) {
  const int64_t columns = args.columns;
  const T* x = static_cast<const T*>(args.x) + r * columns;
  const W* weight = static_cast<const W*>(args.weight);
  T* y = static_cast<T*>(args.y) + r * columns;
  if (args.residual == nullptr) {
    scale_row(args, r, x, square(x, columns), y, weight);
    return;
  }
  float* sum = args.sum + r * columns;
  const R* residual = static_cast<const R*>(args.residual) + r * columns;
  scale_row(args, r, sum, add_and_square(x, residual, sum, columns), y, weight);
}

// dx of row r; adds the row to `sums` where they are wanted, or begins them with it.
template <class T, class S, class D, class W>
static inline void differentiate_row(const RmsNormBackwardArgs& args, int64_t r, float* sums,
                                     bool first) {
  const int64_t columns = args.columns;
  const T* dy = static_cast<const T*>(args.dy) + r * columns;
  const S* x = static_cast<const S*>(args.x) + r * columns;
  const W* weight = static_cast<const W*>(args.weight);
  D* dx = static_cast<D*>(args.dx) + r * columns;
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
    const float* dsum = args.dsum + r * columns;
    for_vectors(columns, [=](int64_t c, auto lanes) {
      store(dx + c, gradient(c, lanes) + load(dsum + c, lanes), lanes);
    });
  } else {
    for_vectors(columns, [=](int64_t c, auto lanes) { store(dx + c, gradient(c, lanes), lanes); });
  }
}

}  // namespace

void rms_norm(const RmsNormArgs& args, ThreadPool& pool) {
  with_acts(
      [&](auto x, auto residual, auto weight) {
        parallel_for(pool, args.rows, row_grain(args.columns), [&args](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r) {
            normalise_row<ActOf<decltype(x)>, ActOf<decltype(residual)>, ActOf<decltype(weight)>>(
                args, r);
          }
        });
      },
      args.dtype, args.residual_dtype, args.weight_dtype);
}

void rms_norm_backward(const RmsNormBackwardArgs& args, ThreadPool& pool) {
  with_acts(
      [&](auto dy, auto x, auto dx, auto weight) {
        parallel_for(pool, args.rows, kColumnSumRows, [&args](int64_t begin, int64_t end) {
          float* sums =
              args.partials ? args.partials + begin / kColumnSumRows * args.columns : nullptr;
          for (int64_t r = begin; r < end; ++r) {
            differentiate_row<ActOf<decltype(dy)>, ActOf<decltype(x)>, ActOf<decltype(dx)>,
                              ActOf<decltype(weight)>>(args, r, sums, r == begin);
          }
        });
      },
      args.dtype, args.x_dtype, args.dx_dtype, args.weight_dtype);
  if (args.dweight) {
    sum_blocks(args.partials, column_sum_blocks(args.rows), args.columns, args.dweight, pool);
  }
}

}  // namespace llft::cpu::LLFT_ISA

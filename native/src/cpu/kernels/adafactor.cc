// adafactor_step, with g = grad * grad_factor and rms(x) = sqrt(mean(x^2)):
//   of a matrix: row = beta2 row + (1 - beta2) mean over columns of (g^2 + eps1), column likewise
//     over rows, and the update u = g / sqrt(row / mean(row)) / sqrt(column);
//   of anything else: v = beta2 v + (1 - beta2) (g^2 + eps1), u = g / sqrt(v).
//   rate = lr * (scale_parameter ? max(eps2, rms(p)) : 1); u *= rate / max(1, rms(u) / clip);
//   with a first moment: m = beta1 m + (1 - beta1) u, u = m; p -= weight_decay * rate * p; p -= u.
//
// Layout: row-major, see adafactor.h; param and state are updated in place. Accumulation: float32
// within a line of a parameter, double over lines; down a column float32 in ascending order. Bytes:
// the gradient three times, the parameter two or three times. FLOPs: about 25 per element, with two
// roots and divisions. Error with u = 2^-24: row and column are means of numbers that are not
// negative, (n + 16) u of themselves for n terms; the update has 1/2 of that of row, of their mean
// and of column, and 12 u; p has its own two roundings. Source: Shazeer and Stern,
// arXiv:1804.04235; transformers.optimization.Adafactor.
#include "core/kernels/adafactor.h"

#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

struct Line {
  int64_t begin;
  int64_t size;
};

static inline Line line_of(const AdafactorStepArgs& args, int64_t index) {
  const int64_t begin = index * args.width, left = args.n - begin;
  return {begin, left < args.width ? left : args.width};
}

template <class Body>
static inline void for_lines(const AdafactorStepArgs& args, ThreadPool& pool, const Body& body) {
  parallel_for(pool, args.lines, row_grain(args.width), [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) body(index, line_of(args, index));
  });
}

static inline double sum_of(const double* partials, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += partials[i];
  return sum;
}

// Row means, and the sum of squares of the parameter.
static void update_rows(const AdafactorStepArgs& args, ThreadPool& pool) {
  const float factor = *args.grad_factor;
  for_lines(args, pool, [&args, factor](int64_t index, Line line) {
    const float* const p = args.param + line.begin;
    args.partials[args.lines + index] = sum_vectors(line.size, [=](int64_t i, auto lanes) {
      const F32 value = load(p + i, lanes);
      return value * value;
    });
    if (!args.row) return;
    const float* const grad = args.grad + line.begin;
    const float squares = sum_vectors(line.size, [=](int64_t i, auto lanes) {
      const F32 g = load(grad + i, lanes) * factor;
      return g * g;
    });
    const float mean = squares / static_cast<float>(line.size) + args.eps1;
    args.row[index] = args.beta2 * args.row[index] + (1.0f - args.beta2) * mean;
  });
}

static void update_columns(const AdafactorStepArgs& args, ThreadPool& pool) {
  const float factor = *args.grad_factor;
  const float lines = static_cast<float>(args.lines);
  // Wide enough for whole cache lines of each row.
  parallel_for(pool, args.width, 128, [&args, factor, lines](int64_t begin, int64_t end) {
    for_vectors(end - begin, [&](int64_t i, auto lanes) {
      F32 squares = {};
      for (int64_t r = 0; r < args.lines; ++r) {
        const F32 g = load(args.grad + r * args.width + begin + i, lanes) * factor;
        squares = fma(g, g, squares);
      }
      const F32 mean = squares / lines + args.eps1;
      float* const column = args.column + begin + i;
      store(column, load(column, lanes) * args.beta2 + mean * (1.0f - args.beta2), lanes);
    });
  });
}

static void update_elements(const AdafactorStepArgs& args, ThreadPool& pool) {
  const float factor = *args.grad_factor;
  elementwise(pool, args.n, [&args, factor](int64_t i, auto lanes) {
    const F32 g = load(args.grad + i, lanes) * factor;
    const F32 square = fma(g, g, splat(args.eps1));
    store(args.v + i, load(args.v + i, lanes) * args.beta2 + square * (1.0f - args.beta2), lanes);
  });
}

// The update before its scaling: element i of a line.
struct Direction {
  const float* grad;
  const float* v;  // of the line; or null, and
  const float* column;
  float row_scale;  // grad_factor / sqrt(row / mean(row)), or grad_factor

  template <class Lanes>
  F32 at(int64_t i, Lanes lanes) const {
    const F32 moment = load((v ? v : column) + i, lanes);
    // Behind a tail the moments are 0: their roots must not make 0 / 0.
    const F32 safe = select(lanes_below(lanes.count), moment, splat(1.0f));
    return load(grad + i, lanes) * row_scale / sqrt(safe);
  }
};

static inline Direction direction_of(const AdafactorStepArgs& args, float row_mean, int64_t index,
                                     Line line) {
  const float factor = *args.grad_factor;
  const float* const grad = args.grad + line.begin;
  if (args.v) return {grad, args.v + line.begin, nullptr, factor};
  return {grad, nullptr, args.column, factor / __builtin_sqrtf(args.row[index] / row_mean)};
}

static void apply(const AdafactorStepArgs& args, float row_mean, float rate, float scale,
                  ThreadPool& pool) {
  for_lines(args, pool, [&args, row_mean, rate, scale](int64_t index, Line line) {
    const Direction direction = direction_of(args, row_mean, index, line);
    float* const p = args.param + line.begin;
    float* const m = args.m ? args.m + line.begin : nullptr;
    const float decay = args.weight_decay * rate;
    for_vectors(line.size, [&](int64_t i, auto lanes) {
      F32 update = direction.at(i, lanes) * scale;
      if (m) {
        update = load(m + i, lanes) * args.beta1 + update * (1.0f - args.beta1);
        store(m + i, update, lanes);
      }
      const F32 value = load(p + i, lanes);
      store(p + i, value - value * decay - update, lanes);
    });
  });
}

}  // namespace

void adafactor_step(const AdafactorStepArgs& args, ThreadPool& pool) {
  if (args.n == 0 || !__builtin_isfinite(*args.grad_factor)) return;
  update_rows(args, pool);
  const double p_squares = sum_of(args.partials + args.lines, args.lines);
  float row_mean = 1.0f;
  if (args.row) {
    update_columns(args, pool);
    double sum = 0;
    for (int64_t r = 0; r < args.lines; ++r) sum += args.row[r];
    row_mean = static_cast<float>(sum / static_cast<double>(args.lines));
  } else {
    update_elements(args, pool);
  }
  for_lines(args, pool, [&args, row_mean](int64_t index, Line line) {
    const Direction direction = direction_of(args, row_mean, index, line);
    args.partials[index] = sum_vectors(line.size, [&direction](int64_t i, auto lanes) {
      const F32 value = direction.at(i, lanes);
      return value * value;
    });
  });
  const double n = static_cast<double>(args.n);
  const double update_rms = __builtin_sqrt(sum_of(args.partials, args.lines) / n);
  const double p_rms = __builtin_sqrt(p_squares / n);
  double rate = args.lr;
  if (args.scale_parameter) rate *= p_rms > args.eps2 ? p_rms : static_cast<double>(args.eps2);
  const double clip = update_rms / args.clip_threshold;
  // A NaN goes through.
  const double scale = clip < 1 ? rate : rate / clip;
  apply(args, row_mean, static_cast<float>(rate), static_cast<float>(scale), pool);
}

}  // namespace llft::cpu::LLFT_ISA

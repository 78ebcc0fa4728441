// clip_factor: norm = sqrt(sum_squares) / count; factor = min(1, max_norm / (norm + 1e-6)) / count.
// adamw_step, with g = grad * grad_factor: p *= decay; m += (1 - beta1) (g - m); v = beta2 v + (1 -
// beta2) g^2;
//   p -= step_size * m / (sqrt(v) / v_correction + eps).
// sgd_step: g += weight_decay p; buffer = first ? g : momentum buffer + g; p -= lr * buffer (or g).
//
// Layout: flat float32 arrays, see optimizer.h; param and state are updated in place. Coefficients
// were computed in double precision and rounded once. A norm that is not finite gives a factor that
// is no number, and a step with such a factor changes nothing. Bytes: adamw_step reads four and writes three floats per element,
// sgd_step three and two. FLOPs: about 15 and 6. Error with u = 2^-24: m and v are within 4 u of
// the sums of their terms' magnitudes, and the update of p within (relative error of m and half of
// that of v, and 8) u of itself; then p's own two roundings. Source: torch.optim.AdamW (Loshchilov
// and Hutter, arXiv:1711.05101), torch.optim.SGD, torch.nn.utils.clip_grad_norm_.
#include "core/kernels/optimizer.h"

#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {

using namespace simd;

void clip_factor(const ClipFactorArgs& args, ThreadPool&) {
  const double norm = __builtin_sqrt(static_cast<double>(*args.sum_squares)) / args.count;
  double factor = 1;
  if (args.max_norm > 0) {
    factor = args.max_norm / (norm + 1e-6);
    if (factor > 1) factor = 1;
  }
  if (!__builtin_isfinite(norm)) factor = __builtin_nan("");
  *args.norm = static_cast<float>(norm);
  *args.factor = static_cast<float>(factor / args.count);
}

void adamw_step(const AdamwStepArgs& args, ThreadPool& pool) {
  const float grad_factor = *args.grad_factor;
  if (!__builtin_isfinite(grad_factor)) return;
  const AdamwCoefficients rates = args.coefficients;
  elementwise(pool, args.n, [args, rates, grad_factor](int64_t i, auto lanes) {
    const F32 g = load(args.grad + i, lanes) * grad_factor;
    F32 m = load(args.m + i, lanes);
    m = fma(g - m, splat(rates.beta1_rest), m);
    const F32 v = fma(g * rates.beta2_rest, g, load(args.v + i, lanes) * rates.beta2);
    const F32 denominator = sqrt(v) / rates.v_correction + rates.eps;
    const F32 p = load(args.param + i, lanes) * rates.decay - rates.step_size * m / denominator;
    store(args.m + i, m, lanes);
    store(args.v + i, v, lanes);
    store(args.param + i, p, lanes);
  });
}

void sgd_step(const SgdStepArgs& args, ThreadPool& pool) {
  const float grad_factor = *args.grad_factor;
  if (!__builtin_isfinite(grad_factor)) return;
  elementwise(pool, args.n, [args, grad_factor](int64_t i, auto lanes) {
    const F32 p = load(args.param + i, lanes);
    F32 g = fma(p, splat(args.weight_decay), load(args.grad + i, lanes) * grad_factor);
    if (args.buffer) {
      if (!args.first) g = fma(load(args.buffer + i, lanes), splat(args.momentum), g);
      store(args.buffer + i, g, lanes);
    }
    store(args.param + i, p - args.lr * g, lanes);
  });
}

}  // namespace llft::cpu::LLFT_ISA

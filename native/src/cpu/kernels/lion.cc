// lion_step, with g = grad * grad_factor: p = decay * p - lr * sign(beta1 m + (1 - beta1) g); then
// m += (1 - beta2) (g - m). sign(0) = 0; the sign of NaN is NaN.
//
// Layout: flat float32 arrays, see lion.h; param and m are updated in place. Bytes: three floats
// read and two written per element. FLOPs: about 8. Error with u = 2^-24: m within 4 u of the sum
// of its terms' magnitudes; p has its own two roundings, where beta1 m + (1 - beta1) g is further
// from 0 than 4 u of the sum of its terms' magnitudes, so that its sign is certain. Source: Chen et
// al., "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675, algorithm 2.
#include "core/kernels/lion.h"

#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {

using namespace simd;

void lion_step(const LionStepArgs& args, ThreadPool& pool) {
  const float grad_factor = *args.grad_factor;
  if (!__builtin_isfinite(grad_factor)) return;
  elementwise(pool, args.n, [args, grad_factor](int64_t i, auto lanes) {
    const F32 g = load(args.grad + i, lanes) * grad_factor;
    const F32 m = load(args.m + i, lanes);
    const F32 mixed = fma(g, splat(args.beta1_rest), m * args.beta1);
    const F32 sign = select(mixed > 0.0f, splat(1.0f), select(mixed < 0.0f, splat(-1.0f), mixed));
    store(args.m + i, fma(g - m, splat(args.beta2_rest), m), lanes);
    store(args.param + i, load(args.param + i, lanes) * args.decay - args.lr * sign, lanes);
  });
}

}  // namespace llft::cpu::LLFT_ISA

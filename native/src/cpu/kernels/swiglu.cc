// y = silu(gate) * up, silu(g) = g * s, s = 1 / (1 + e^-g).
// Backward: dup = dy * g * s; dgate = dy * up * (s + g * s * (1 - s)).
//
// Layout: flat arrays, see swiglu.h; overwrites. Arithmetic: float32 from load to store.
// Bytes: each operand once. FLOPs: about 20 and 27 per element, most of them e^-g.
// Error with u = 2^-24: s is within 6 u relatively (cpu/simd/vec.h), so y and dup within 8 u; in
// dgate g s (1 - s) is within |g s| u (8 (1 - s) + 6 s + 1) <= 9 |g s| u, the sum and the two
// products round once more each: |dy up s| u (9 + 12 |g|). Each plus the rounding to the output's
// type; s is 0 where e^-g leaves float32 (g < -88.7). Source: Shazeer, "GLU Variants Improve
// Transformer", arXiv:2002.05202.
#include "core/kernels/swiglu.h"

#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {

using namespace simd;

void swiglu(const SwigluArgs& args, ThreadPool& pool) {
  with_act(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* gate = static_cast<const T*>(args.gate);
    const T* up = static_cast<const T*>(args.up);
    T* y = static_cast<T*>(args.y);
    elementwise(pool, args.n, [=](int64_t i, auto lanes) {
      const F32 g = load(gate + i, lanes);
      store(y + i, g * sigmoid(g) * load(up + i, lanes), lanes);
    });
  });
}

void swiglu_backward(const SwigluBackwardArgs& args, ThreadPool& pool) {
  with_act(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dys = static_cast<const T*>(args.dy);
    const T* gates = static_cast<const T*>(args.gate);
    const T* ups = static_cast<const T*>(args.up);
    T* dgate = static_cast<T*>(args.dgate);
    T* dup = static_cast<T*>(args.dup);
    elementwise(pool, args.n, [=](int64_t i, auto lanes) {
      const F32 g = load(gates + i, lanes), dy = load(dys + i, lanes);
      const F32 s = sigmoid(g);
      store(dup + i, dy * (g * s), lanes);
      store(dgate + i, dy * load(ups + i, lanes) * (s + g * s * (1.0f - s)), lanes);
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA

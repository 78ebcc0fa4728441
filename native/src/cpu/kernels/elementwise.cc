// add: y = a + b. mul: y = a * b. scale: y = factor * x. accumulate: dst = dst + src.
//
// Layout: flat arrays, see elementwise.h; the first three overwrite y, the last adds in float32.
// Bytes: each operand once. FLOPs: one per element.
// Error: one rounding in float32 and one to the type of y.
#include "core/kernels/elementwise.h"

#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

template <class Combine>
static inline void binary(const BinaryArgs& args, ThreadPool& pool, const Combine& combine) {
  with_act(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* a = static_cast<const T*>(args.a);
    const T* b = static_cast<const T*>(args.b);
    T* y = static_cast<T*>(args.y);
    elementwise(pool, args.n, [=](int64_t i, auto lanes) {
      store(y + i, combine(load(a + i, lanes), load(b + i, lanes)), lanes);
    });
  });
}

}  // namespace

void add(const BinaryArgs& args, ThreadPool& pool) {
  binary(args, pool, [](F32 a, F32 b) { return a + b; });
}

void mul(const BinaryArgs& args, ThreadPool& pool) {
  binary(args, pool, [](F32 a, F32 b) { return a * b; });
}

void scale(const ScaleArgs& args, ThreadPool& pool) {
  with_act(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    const float factor = args.factor;
    elementwise(pool, args.n,
                [=](int64_t i, auto lanes) { store(y + i, load(x + i, lanes) * factor, lanes); });
  });
}

void accumulate(const AccumulateArgs& args, ThreadPool& pool) {
  with_act(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* src = static_cast<const T*>(args.src);
    float* dst = args.dst;
    elementwise(pool, args.n, [=](int64_t i, auto lanes) {
      store(dst + i, load(dst + i, lanes) + load(src + i, lanes), lanes);
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA

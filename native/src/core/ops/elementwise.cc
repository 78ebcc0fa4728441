// add, mul, scale and accumulate.
#include "cpu/kernels/elementwise.h"

#include "core/check.h"
#include "core/ops.h"
#include "cpu/cpu_device.h"

namespace llft::ops {
namespace {

using BinaryKernel = void (*cpu::Kernels::*)(const cpu::BinaryArgs&, cpu::ThreadPool&);

Tensor binary(const char* op, BinaryKernel kernel, const Tensor& a, const Tensor& b) {
  require_act(op, "a", a);
  require_same_dtype(op, "a", a, "b", b);
  require_same_shape(op, "a", a, "b", b);
  const Tensor y = Tensor::empty(a.dtype(), a.shape());
  cpu::launch(op, kernel, cpu::BinaryArgs{a.data(), b.data(), y.data(), a.numel(), a.dtype()});
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return binary("add", &cpu::Kernels::add, a, b); }

Tensor mul(const Tensor& a, const Tensor& b) { return binary("mul", &cpu::Kernels::mul, a, b); }

Tensor scale(const Tensor& x, double factor) {
  require_act("scale", "x", x);
  const Tensor y = Tensor::empty(x.dtype(), x.shape());
  cpu::launch("scale", &cpu::Kernels::scale,
              cpu::ScaleArgs{x.data(), y.data(), x.numel(), x.dtype(), static_cast<float>(factor)});
  return y;
}

void accumulate(const Tensor& dst, const Tensor& src) {
  constexpr const char* op = "accumulate";
  require_dtype(op, "dst", dst, DType::F32);
  require_act(op, "src", src);
  require_same_shape(op, "dst", dst, "src", src);
  require_writable(op, "dst", dst);
  cpu::launch(op, &cpu::Kernels::accumulate,
              cpu::AccumulateArgs{dst.data_as<float>(), src.data(), src.numel(), src.dtype()});
}

}  // namespace llft::ops

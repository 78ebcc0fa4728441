// add, mul, scale and accumulate.
#include "core/kernels/elementwise.h"

#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {
namespace {

using BinaryKernel = void (Device::*)(const char*, const BinaryArgs&, Uses);

Tensor binary(const char* op, BinaryKernel kernel, const Tensor& a, const Tensor& b) {
  require_act(op, "a", a);
  require_same_dtype(op, "a", a, "b", b);
  require_same_shape(op, "a", a, "b", b);
  Device& device = require_one_device(op, {&a, &b});
  const Tensor y = Tensor::empty(device, a.dtype(), a.shape());
  device.launch(op, kernel, BinaryArgs{a.data(), b.data(), y.data(), a.numel(), a.dtype()},
                Uses().reads({&a, &b}).writes({&y}));
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return binary("add", &Device::add, a, b); }

Tensor mul(const Tensor& a, const Tensor& b) { return binary("mul", &Device::mul, a, b); }

Tensor scale(const Tensor& x, double factor) {
  require_act("scale", "x", x);
  Device& device = require_one_device("scale", {&x});
  const Tensor y = Tensor::empty(device, x.dtype(), x.shape());
  device.launch("scale", &Device::scale,
                ScaleArgs{x.data(), y.data(), x.numel(), x.dtype(), static_cast<float>(factor)},
                Uses().reads({&x}).writes({&y}));
  return y;
}

void accumulate(const Tensor& dst, const Tensor& src) {
  constexpr const char* op = "accumulate";
  require_dtype(op, "dst", dst, DType::F32);
  require_act(op, "src", src);
  require_same_shape(op, "dst", dst, "src", src);
  require_writable(op, "dst", dst);
  Device& device = require_one_device(op, {&dst, &src});
  device.launch(op, &Device::accumulate,
                AccumulateArgs{dst.data_as<float>(), src.data(), src.numel(), src.dtype()},
                Uses().reads({&src}).changes({&dst}));
}

}  // namespace llft::ops

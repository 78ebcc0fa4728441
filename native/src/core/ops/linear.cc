// linear, linear_dx and linear_dw: the contracts of core/ops.h over the one matrix product of
// core/kernels/gemm.h.
#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"
#include "core/ops/linear_checks.h"

namespace llft::ops {

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& h,
              const Tensor& b, double scale, DType out_dtype) {
  constexpr const char* op = "linear";
  require_act(op, "x", x);
  require_rank(op, "w", w, 2);
  require_dtype(op, "w", w, x.dtype());
  const int64_t n = w.dim(0), k = w.dim(1);
  require_linear(op, x, n, k, bias, h, b, out_dtype);
  Device& device = require_one_device(op, {&x, &w, &bias, &h, &b});
  const Tensor y = Tensor::empty(device, out_dtype, with_columns(x, n));
  GemmArgs args = forward_product(x, bias, h, b, scale, y);
  args.terms[0].b = w.data();
  device.launch(op, &Device::gemm, args, Uses().reads({&x, &w, &bias, &h, &b}).writes({&y}));
  return y;
}

Tensor linear_dx(const Tensor& dy, const Tensor& w, double factor, const Tensor& dh,
                 const Tensor& a) {
  constexpr const char* op = "linearDx";
  require_act(op, "dy", dy);
  require_rank(op, "w", w, 2);
  require_dtype(op, "w", w, dy.dtype());
  const int64_t n = w.dim(0), k = w.dim(1);
  require_rows(op, "dy", dy, n);
  require_low_rank(op, "dh", dh, "a", a, {-1, k}, dy);
  Device& device = require_one_device(op, {&dy, &w, &dh, &a});

  const Tensor dx = Tensor::empty(device, dy.dtype(), with_columns(dy, k));
  GemmArgs args = backward_product(dy, factor, dh, a, dx);
  args.terms[0].b = w.data();
  device.launch(op, &Device::gemm, args, Uses().reads({&dy, &w, &dh, &a}).writes({&dx}));
  return dx;
}

Tensor linear_dw(const Tensor& dy, const Tensor& x, double factor) {
  constexpr const char* op = "linearDw";
  require_act(op, "dy", dy);
  require_min_rank(op, "dy", dy, 1);
  require_dtype(op, "x", x, dy.dtype());
  require_min_rank(op, "x", x, 1);
  const int64_t t = leading(dy), n = dy.columns(), k = x.columns();
  require(leading(x) == t, ErrorCode::Shape, op,
          ("x must have " + std::to_string(t) + " rows").c_str(), [&] { return describe(x); });
  Device& device = require_one_device(op, {&dy, &x});

  const Tensor dw = Tensor::empty(device, DType::F32, {n, k});
  GemmArgs args;
  args.m = n;
  args.n = k;
  args.in_dtype = dy.dtype();
  args.c = dw.data();
  args.ldc = k;
  args.terms[0] = {dy.data(), x.data(), t, n, k, true, false, static_cast<float>(factor)};
  device.launch(op, &Device::gemm, args, Uses().reads({&dy, &x}).writes({&dw}));
  return dw;
}

}  // namespace llft::ops

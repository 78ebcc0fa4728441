// rms_norm and rms_norm_backward.
#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {
namespace {

// x [..., D] of an activation's type with D > 0, and weight [D].
void require_operands(const char* op, const Tensor& x, const Tensor& weight) {
  require_act(op, "x", x);
  require_min_rank(op, "x", x, 1);
  require(x.columns() > 0, ErrorCode::Shape, op, "x must have at least one column",
          [&] { return describe(x); });
  require_act(op, "weight", weight);
  require_shape(op, "weight", weight, {x.columns()});
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> rms_norm(const Tensor& x, const Tensor& residual,
                                            const Tensor& weight, double eps) {
  constexpr const char* op = "rmsNorm";
  require_operands(op, x, weight);
  if (residual) {
    require_act(op, "residual", residual);
    require_same_shape(op, "residual", residual, "x", x);
  }
  Device& device = require_one_device(op, {&x, &residual, &weight});
  const Tensor y = Tensor::empty(device, x.dtype(), x.shape());
  const Tensor sum = residual ? Tensor::empty(device, DType::F32, x.shape()) : Tensor();
  const Tensor rstd = Tensor::empty(device, DType::F32, {x.rows()});
  device.launch(op, &Device::rms_norm,
                RmsNormArgs{x.data(), residual.data(), weight.data(), y.data(),
                            sum.data_as<float>(), rstd.data_as<float>(), x.rows(), x.columns(),
                            x.dtype(), residual ? residual.dtype() : DType::F32, weight.dtype(),
                            static_cast<float>(eps)},
                Uses().reads({&x, &residual, &weight}).writes({&y, &sum, &rstd}));
  return {y, sum, rstd};
}

std::tuple<Tensor, Tensor> rms_norm_backward(const Tensor& dy, const Tensor& x,
                                             const Tensor& weight, const Tensor& rstd,
                                             const Tensor& dsum, bool want_dweight) {
  constexpr const char* op = "rmsNormBackward";
  require_operands(op, x, weight);
  require_act(op, "dy", dy);
  require_same_shape(op, "dy", dy, "x", x);
  if (dsum) {
    require_dtype(op, "dsum", dsum, DType::F32);
    require_same_shape(op, "dsum", dsum, "x", x);
  }
  const int64_t rows = x.rows(), columns = x.columns();
  require_dtype(op, "rstd", rstd, DType::F32);
  require_shape(op, "rstd", rstd, {rows});
  Device& device = require_one_device(op, {&dy, &x, &weight, &rstd, &dsum});
  const Tensor dx = Tensor::empty(device, dsum ? DType::F32 : x.dtype(), x.shape());
  Tensor dweight, partials;
  if (want_dweight) {
    dweight = Tensor::empty(device, DType::F32, {columns});
    partials = Tensor::empty(device, DType::F32, {column_sum_blocks(rows), columns});
  }
  device.launch(op, &Device::rms_norm_backward,
                RmsNormBackwardArgs{dy.data(), x.data(), weight.data(), rstd.data_as<float>(),
                                    dsum.data_as<float>(), dx.data(), dweight.data_as<float>(),
                                    partials.data_as<float>(), rows, columns, dy.dtype(), x.dtype(),
                                    dx.dtype(), weight.dtype()},
                Uses().reads({&dy, &x, &weight, &rstd, &dsum}).writes({&dx, &dweight}));
  return {dx, dweight};
}

}  // namespace llft::ops

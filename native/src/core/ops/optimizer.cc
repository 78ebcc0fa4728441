// clip_factor, adamw_step and sgd_step. Coefficients are computed in double precision, then rounded
// to float32.
#include <cmath>

#include "core/check.h"
#include "core/ops.h"
#include "cpu/cpu_device.h"

namespace llft::ops {
namespace {

void require_scalar(const char* op, const char* name, const Tensor& tensor) {
  require_dtype(op, name, tensor, DType::F32);
  require_shape(op, name, tensor, {1});
}

void require_param(const char* op, const Tensor& param, const Tensor& grad,
                   const Tensor& grad_factor) {
  require_dtype(op, "param", param, DType::F32);
  require_writable(op, "param", param);
  require_dtype(op, "grad", grad, DType::F32);
  require_same_shape(op, "param", param, "grad", grad);
  require_scalar(op, "gradFactor", grad_factor);
}

void require_state(const char* op, const char* name, const Tensor& state, const Tensor& param) {
  require_dtype(op, name, state, DType::F32);
  require_same_shape(op, "param", param, name, state);
  require_writable(op, name, state);
}

void require_number(const char* op, const char* must, double value, bool holds) {
  require(holds, ErrorCode::Config, op, must, [&] { return std::to_string(value); });
}

}  // namespace

std::tuple<Tensor, Tensor> clip_factor(const Tensor& sum_squares, double count, double max_norm) {
  constexpr const char* op = "clipFactor";
  require_scalar(op, "sumSquares", sum_squares);
  require_number(op, "count must be positive", count, count > 0);
  require_number(op, "maxNorm must be a number", max_norm, !std::isnan(max_norm));
  const Tensor factor = Tensor::empty(DType::F32, {1});
  const Tensor norm = Tensor::empty(DType::F32, {1});
  cpu::launch(op, &cpu::Kernels::clip_factor,
              cpu::ClipFactorArgs{sum_squares.data_as<float>(), factor.data_as<float>(),
                                  norm.data_as<float>(), count, max_norm});
  return {factor, norm};
}

void adamw_step(const Tensor& param, const Tensor& grad, const Tensor& m, const Tensor& v,
                const Tensor& grad_factor, double lr, double beta1, double beta2, double eps,
                double weight_decay, int64_t step) {
  constexpr const char* op = "adamwStep";
  require_param(op, param, grad, grad_factor);
  require_state(op, "m", m, param);
  require_state(op, "v", v, param);
  require_number(op, "lr must be finite and not negative", lr, lr >= 0 && std::isfinite(lr));
  require_number(op, "beta1 must be in [0, 1)", beta1, beta1 >= 0 && beta1 < 1);
  require_number(op, "beta2 must be in [0, 1)", beta2, beta2 >= 0 && beta2 < 1);
  require_number(op, "eps must not be negative", eps, eps >= 0);
  require_number(op, "weightDecay must not be negative", weight_decay, weight_decay >= 0);
  require(step >= 1, ErrorCode::Config, op, "step must be at least 1",
          [&] { return std::to_string(step); });

  cpu::AdamwStepArgs args;
  args.param = param.data_as<float>();
  args.grad = grad.data_as<float>();
  args.m = m.data_as<float>();
  args.v = v.data_as<float>();
  args.grad_factor = grad_factor.data_as<float>();
  args.n = param.numel();
  args.beta1_rest = static_cast<float>(1 - beta1);
  args.beta2 = static_cast<float>(beta2);
  args.beta2_rest = static_cast<float>(1 - beta2);
  args.eps = static_cast<float>(eps);
  args.decay = static_cast<float>(1 - lr * weight_decay);
  args.step_size = static_cast<float>(lr / (1 - std::pow(beta1, static_cast<double>(step))));
  args.v_correction = static_cast<float>(std::sqrt(1 - std::pow(beta2, static_cast<double>(step))));
  cpu::launch(op, &cpu::Kernels::adamw_step, args);
}

void sgd_step(const Tensor& param, const Tensor& grad, const Tensor& momentum_buffer,
              const Tensor& grad_factor, double lr, double momentum, double weight_decay,
              int64_t step) {
  constexpr const char* op = "sgdStep";
  require_param(op, param, grad, grad_factor);
  require_number(op, "lr must be finite and not negative", lr, lr >= 0 && std::isfinite(lr));
  require_number(op, "momentum must not be negative", momentum, momentum >= 0);
  require_number(op, "weightDecay must not be negative", weight_decay, weight_decay >= 0);
  require(step >= 1, ErrorCode::Config, op, "step must be at least 1",
          [&] { return std::to_string(step); });
  if (momentum != 0) require_state(op, "momentumBuffer", momentum_buffer, param);

  cpu::SgdStepArgs args;
  args.param = param.data_as<float>();
  args.grad = grad.data_as<float>();
  args.buffer = momentum != 0 ? momentum_buffer.data_as<float>() : nullptr;
  args.grad_factor = grad_factor.data_as<float>();
  args.n = param.numel();
  args.lr = static_cast<float>(lr);
  args.momentum = static_cast<float>(momentum);
  args.weight_decay = static_cast<float>(weight_decay);
  args.first = step == 1;
  cpu::launch(op, &cpu::Kernels::sgd_step, args);
}

}  // namespace llft::ops

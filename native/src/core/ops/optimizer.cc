// The optimisers. Coefficients are computed in double precision, then rounded
// to float32.
#include <cmath>

#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

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

void require_state(const char* op, const char* name, const Tensor& state, const Tensor& param,
                   DType dtype = DType::F32) {
  require_dtype(op, name, state, dtype);
  require_same_shape(op, "param", param, name, state);
  require_writable(op, name, state);
}

void require_number(const char* op, const char* must, double value, bool holds) {
  require(holds, ErrorCode::Config, op, must, [&] { return std::to_string(value); });
}

void require_not_negative(const char* op, const char* must, double value) {
  require_number(op, must, value, value >= 0);
}

void require_rate(const char* op, double lr) {
  require_number(op, "lr must be finite and not negative", lr, lr >= 0 && std::isfinite(lr));
}

void require_betas(const char* op, double beta1, double beta2) {
  require_number(op, "beta1 must be in [0, 1)", beta1, beta1 >= 0 && beta1 < 1);
  require_number(op, "beta2 must be in [0, 1)", beta2, beta2 >= 0 && beta2 < 1);
}

void require_step(const char* op, int64_t step) {
  require(step >= 1, ErrorCode::Config, op, "step must be at least 1",
          [&] { return std::to_string(step); });
}

// A vector of `size` float32 numbers that the step updates.
void require_means(const char* op, const char* name, const Tensor& means, int64_t size) {
  require_dtype(op, name, means, DType::F32);
  require_shape(op, name, means, {size});
  require_writable(op, name, means);
}

AdamwCoefficients coefficients_of(const char* op, const AdamwRates& rates) {
  const auto [lr, beta1, beta2, eps, weight_decay, step] = rates;
  require_rate(op, lr);
  require_betas(op, beta1, beta2);
  require_not_negative(op, "eps must not be negative", eps);
  require_not_negative(op, "weightDecay must not be negative", weight_decay);
  require_step(op, step);
  AdamwCoefficients c;
  c.beta1_rest = static_cast<float>(1 - beta1);
  c.beta2 = static_cast<float>(beta2);
  c.beta2_rest = static_cast<float>(1 - beta2);
  c.eps = static_cast<float>(eps);
  c.decay = static_cast<float>(1 - lr * weight_decay);
  c.step_size = static_cast<float>(lr / (1 - std::pow(beta1, static_cast<double>(step))));
  c.v_correction = static_cast<float>(std::sqrt(1 - std::pow(beta2, static_cast<double>(step))));
  return c;
}

}  // namespace

std::tuple<Tensor, Tensor> clip_factor(const Tensor& sum_squares, double count, double max_norm) {
  constexpr const char* op = "clipFactor";
  require_scalar(op, "sumSquares", sum_squares);
  require_number(op, "count must be positive", count, count > 0);
  require_number(op, "maxNorm must be a number", max_norm, !std::isnan(max_norm));
  Device& device = require_one_device(op, {&sum_squares});
  const Tensor factor = Tensor::empty(device, DType::F32, {1});
  const Tensor norm = Tensor::empty(device, DType::F32, {1});
  device.launch(op, &Device::clip_factor,
                ClipFactorArgs{sum_squares.data_as<float>(), factor.data_as<float>(),
                               norm.data_as<float>(), count, max_norm},
                Uses().reads({&sum_squares}).writes({&factor, &norm}));
  return {factor, norm};
}

void adamw_step(const Tensor& param, const Tensor& grad, const Tensor& m, const Tensor& v,
                const Tensor& grad_factor, const AdamwRates& rates) {
  constexpr const char* op = "adamwStep";
  require_param(op, param, grad, grad_factor);
  require_state(op, "m", m, param);
  require_state(op, "v", v, param);
  AdamwStepArgs args;
  args.coefficients = coefficients_of(op, rates);
  args.param = param.data_as<float>();
  args.grad = grad.data_as<float>();
  args.m = m.data_as<float>();
  args.v = v.data_as<float>();
  args.grad_factor = grad_factor.data_as<float>();
  args.n = param.numel();
  Device& device = require_one_device(op, {&param, &grad, &m, &v, &grad_factor});
  device.launch(op, &Device::adamw_step, args,
                Uses().reads({&grad, &grad_factor}).updates({&param, &m, &v}));
}

void adamw8bit_step(const Tensor& param, const Tensor& grad, const Tensor& m, const Tensor& v,
                    const Tensor& m_absmax, const Tensor& v_absmax, const Tensor& grad_factor,
                    const AdamwRates& rates) {
  constexpr const char* op = "adamw8bitStep";
  require_param(op, param, grad, grad_factor);
  require_state(op, "m", m, param, DType::U8);
  require_state(op, "v", v, param, DType::U8);
  require_means(op, "mAbsmax", m_absmax, moment_blocks(param.numel()));
  require_means(op, "vAbsmax", v_absmax, moment_blocks(param.numel()));

  Adamw8bitStepArgs args;
  args.coefficients = coefficients_of(op, rates);
  args.param = param.data_as<float>();
  args.grad = grad.data_as<float>();
  args.m = m.data_as<uint8_t>();
  args.v = v.data_as<uint8_t>();
  args.m_absmax = m_absmax.data_as<float>();
  args.v_absmax = v_absmax.data_as<float>();
  args.grad_factor = grad_factor.data_as<float>();
  args.n = param.numel();
  Device& device =
      require_one_device(op, {&param, &grad, &m, &v, &m_absmax, &v_absmax, &grad_factor});
  device.launch(
      op, &Device::adamw8bit_step, args,
      Uses().reads({&grad, &grad_factor}).updates({&param, &m, &v, &m_absmax, &v_absmax}));
}

void lion_step(const Tensor& param, const Tensor& grad, const Tensor& m, const Tensor& grad_factor,
               const LionRates& rates) {
  constexpr const char* op = "lionStep";
  const auto [lr, beta1, beta2, weight_decay] = rates;
  require_param(op, param, grad, grad_factor);
  require_state(op, "m", m, param);
  require_rate(op, lr);
  require_betas(op, beta1, beta2);
  require_not_negative(op, "weightDecay must not be negative", weight_decay);

  LionStepArgs args;
  args.param = param.data_as<float>();
  args.grad = grad.data_as<float>();
  args.m = m.data_as<float>();
  args.grad_factor = grad_factor.data_as<float>();
  args.n = param.numel();
  args.beta1 = static_cast<float>(beta1);
  args.beta1_rest = static_cast<float>(1 - beta1);
  args.beta2_rest = static_cast<float>(1 - beta2);
  args.lr = static_cast<float>(lr);
  args.decay = static_cast<float>(1 - lr * weight_decay);
  Device& device = require_one_device(op, {&param, &grad, &m, &grad_factor});
  device.launch(op, &Device::lion_step, args,
                Uses().reads({&grad, &grad_factor}).updates({&param, &m}));
}

void adafactor_step(const Tensor& param, const Tensor& grad, const Tensor& row,
                    const Tensor& column, const Tensor& v, const Tensor& m,
                    const Tensor& grad_factor, const AdafactorRates& rates) {
  constexpr const char* op = "adafactorStep";
  require_param(op, param, grad, grad_factor);
  require(bool(row) == bool(column) && bool(row) != bool(v), ErrorCode::Shape, op,
          "either row and column or v must be given",
          [&] { return describe(row) + ", " + describe(column) + " and " + describe(v); });
  if (row) {
    require_rank(op, "param", param, 2);
    require_means(op, "row", row, param.dim(0));
    require_means(op, "column", column, param.dim(1));
  } else {
    require_state(op, "v", v, param);
  }
  if (m) require_state(op, "m", m, param);
  require_rate(op, rates.lr);
  require_betas(op, rates.beta1, rates.beta2);
  require_not_negative(op, "eps1 must not be negative", rates.eps1);
  require_not_negative(op, "eps2 must not be negative", rates.eps2);
  require_number(op, "clipThreshold must be positive", rates.clip_threshold,
                 rates.clip_threshold > 0);
  require_not_negative(op, "weightDecay must not be negative", rates.weight_decay);

  AdafactorStepArgs args;
  args.param = param.data_as<float>();
  args.grad = grad.data_as<float>();
  args.row = row ? row.data_as<float>() : nullptr;
  args.column = row ? column.data_as<float>() : nullptr;
  args.v = row ? nullptr : v.data_as<float>();
  args.m = m ? m.data_as<float>() : nullptr;
  args.grad_factor = grad_factor.data_as<float>();
  args.n = param.numel();
  args.width = row ? param.dim(1) : kAdafactorLine;
  args.lines = args.width > 0 ? (args.n + args.width - 1) / args.width : 0;
  args.beta1 = static_cast<float>(rates.beta1);
  args.beta2 = static_cast<float>(rates.beta2);
  args.eps1 = static_cast<float>(rates.eps1);
  args.eps2 = static_cast<float>(rates.eps2);
  args.clip_threshold = static_cast<float>(rates.clip_threshold);
  args.scale_parameter = rates.scale_parameter;
  args.lr = static_cast<float>(rates.lr);
  args.weight_decay = static_cast<float>(rates.weight_decay);
  Device& device = require_one_device(op, {&param, &grad, &row, &column, &v, &m, &grad_factor});
  const Tensor partials =
      Tensor::empty(device, DType::U8, {2 * args.lines * static_cast<int64_t>(sizeof(double))});
  args.partials = partials.data_as<double>();
  device.launch(op, &Device::adafactor_step, args,
                Uses().reads({&grad, &grad_factor}).updates({&param, &row, &column, &v, &m}));
}

void sgd_step(const Tensor& param, const Tensor& grad, const Tensor& momentum_buffer,
              const Tensor& grad_factor, const SgdRates& rates) {
  constexpr const char* op = "sgdStep";
  const auto [lr, momentum, weight_decay, step] = rates;
  require_param(op, param, grad, grad_factor);
  require_rate(op, lr);
  require_not_negative(op, "momentum must not be negative", momentum);
  require_not_negative(op, "weightDecay must not be negative", weight_decay);
  require_step(op, step);
  if (momentum != 0) require_state(op, "momentumBuffer", momentum_buffer, param);

  SgdStepArgs args;
  args.param = param.data_as<float>();
  args.grad = grad.data_as<float>();
  args.buffer = momentum != 0 ? momentum_buffer.data_as<float>() : nullptr;
  args.grad_factor = grad_factor.data_as<float>();
  args.n = param.numel();
  args.lr = static_cast<float>(lr);
  args.momentum = static_cast<float>(momentum);
  args.weight_decay = static_cast<float>(weight_decay);
  args.first = step == 1;
  Device& device = require_one_device(op, {&param, &grad, &momentum_buffer, &grad_factor});
  device.launch(op, &Device::sgd_step, args,
                Uses().reads({&grad, &grad_factor}).updates({&param, &momentum_buffer}));
}

}  // namespace llft::ops

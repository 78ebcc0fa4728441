// swiglu and swiglu_backward.
#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {

Tensor swiglu(const Tensor& gate, const Tensor& up) {
  constexpr const char* op = "swiglu";
  require_act(op, "gate", gate);
  require_same_dtype(op, "gate", gate, "up", up);
  require_same_shape(op, "gate", gate, "up", up);
  Device& device = require_one_device(op, {&gate, &up});
  const Tensor y = Tensor::empty(device, gate.dtype(), gate.shape());
  device.launch(op, &Device::swiglu,
                SwigluArgs{gate.data(), up.data(), y.data(), gate.numel(), gate.dtype()},
                Uses().reads({&gate, &up}).writes({&y}));
  return y;
}

std::tuple<Tensor, Tensor> swiglu_backward(const Tensor& dy, const Tensor& gate, const Tensor& up) {
  constexpr const char* op = "swigluBackward";
  require_act(op, "gate", gate);
  require_same_dtype(op, "gate", gate, "up", up);
  require_same_shape(op, "gate", gate, "up", up);
  require_same_dtype(op, "gate", gate, "dy", dy);
  require_same_shape(op, "gate", gate, "dy", dy);
  Device& device = require_one_device(op, {&dy, &gate, &up});
  const Tensor dgate = Tensor::empty(device, gate.dtype(), gate.shape());
  const Tensor dup = Tensor::empty(device, gate.dtype(), gate.shape());
  device.launch(op, &Device::swiglu_backward,
                SwigluBackwardArgs{dy.data(), gate.data(), up.data(), dgate.data(), dup.data(),
                                   gate.numel(), gate.dtype()},
                Uses().reads({&dy, &gate, &up}).writes({&dgate, &dup}));
  return {dgate, dup};
}

}  // namespace llft::ops

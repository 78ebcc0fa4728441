// swiglu and swiglu_backward.
#include "core/check.h"
#include "core/ops.h"
#include "cpu/cpu_device.h"

namespace llft::ops {

Tensor swiglu(const Tensor& gate, const Tensor& up) {
  constexpr const char* op = "swiglu";
  require_act(op, "gate", gate);
  require_same_dtype(op, "gate", gate, "up", up);
  require_same_shape(op, "gate", gate, "up", up);
  const Tensor y = Tensor::empty(gate.dtype(), gate.shape());
  cpu::launch(op, &cpu::Kernels::swiglu,
              cpu::SwigluArgs{gate.data(), up.data(), y.data(), gate.numel(), gate.dtype()});
  return y;
}

std::tuple<Tensor, Tensor> swiglu_backward(const Tensor& dy, const Tensor& gate, const Tensor& up) {
  constexpr const char* op = "swigluBackward";
  require_act(op, "gate", gate);
  require_same_dtype(op, "gate", gate, "up", up);
  require_same_shape(op, "gate", gate, "up", up);
  require_same_dtype(op, "gate", gate, "dy", dy);
  require_same_shape(op, "gate", gate, "dy", dy);
  const Tensor dgate = Tensor::empty(gate.dtype(), gate.shape());
  const Tensor dup = Tensor::empty(gate.dtype(), gate.shape());
  cpu::launch(op, &cpu::Kernels::swiglu_backward,
              cpu::SwigluBackwardArgs{dy.data(), gate.data(), up.data(), dgate.data(), dup.data(),
                                      gate.numel(), gate.dtype()});
  return {dgate, dup};
}

}  // namespace llft::ops

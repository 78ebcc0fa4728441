#include <cmath>

#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {

Tensor dropout(const Tensor& x, double p, uint64_t seed, uint64_t offset) {
  constexpr const char* op = "dropout";
  require_act(op, "x", x);
  require(p >= 0 && p < 1, ErrorCode::Config, op, "p must be in [0, 1)",
          [&] { return std::to_string(p); });
  Device& device = require_one_device(op, {&x});
  const Tensor y = Tensor::empty(device, x.dtype(), x.shape());
  const auto threshold = static_cast<uint32_t>(std::ceil(p * 0x1p24));
  const auto factor = static_cast<float>(1 / (1 - p));
  device.launch(
      op, &Device::dropout,
      DropoutArgs{x.data(), y.data(), x.numel(), x.dtype(), threshold, factor, seed, offset},
      Uses().reads({&x}).writes({&y}));
  return y;
}

}  // namespace llft::ops

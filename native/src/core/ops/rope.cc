#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {

Tensor rope(const Tensor& x, const Tensor& cosines, const Tensor& sines, const Tensor& positions,
            bool inverse) {
  constexpr const char* op = "rope";
  require_act(op, "x", x);
  require_rank(op, "x", x, 3);
  require_dtype(op, "cosines", cosines, DType::F32);
  require_rank(op, "cosines", cosines, 2);
  require_dtype(op, "sines", sines, DType::F32);
  require_same_shape(op, "cosines", cosines, "sines", sines);
  require_dtype(op, "positions", positions, DType::I32);
  require_shape(op, "positions", positions, {x.dim(0)});
  require(2 * cosines.dim(1) <= x.dim(2), ErrorCode::Shape, op,
          "cosines must have at most half as many columns as a head of x",
          [&] { return describe(cosines) + " for x " + describe(x); });
  Device& device = require_one_device(op, {&x, &cosines, &sines, &positions});

  const Tensor y = Tensor::empty(device, x.dtype(), x.shape());
  RopeArgs args;
  args.dtype = x.dtype();
  args.x = x.data();
  args.y = y.data();
  args.cosines = cosines.data_as<float>();
  args.sines = sines.data_as<float>();
  args.positions = positions.data_as<int32_t>();
  args.tokens = x.dim(0);
  args.heads = x.dim(1);
  args.head_dim = x.dim(2);
  args.half = cosines.dim(1);
  args.table_rows = cosines.dim(0);
  args.inverse = inverse;
  device.launch(op, &Device::rope, args,
                Uses().reads({&x, &cosines, &sines, &positions}).writes({&y}));
  return y;
}

}  // namespace llft::ops

// reduce_sum, sum_squares and row_norms.
#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {
namespace {

Tensor reduce(const char* op, const std::vector<Tensor>& xs, bool squares) {
  ReduceArgs args;
  args.blocks = 0;
  for (const Tensor& x : xs) {
    const int64_t n = x.numel();
    if (n == 0) continue;
    args.sources.push_back({x.data(), n, x.dtype(), args.blocks});
    args.blocks += reduce_blocks(n);
  }
  Device& device = xs.empty() ? host_device() : require_one_device(op, xs);
  const Tensor partials =
      Tensor::empty(device, DType::U8, {args.blocks * static_cast<int64_t>(sizeof(double))});
  const Tensor sum = Tensor::empty(device, DType::F32, {1});
  args.partials = partials.data_as<double>();
  args.sum = sum.data_as<float>();
  args.squares = squares;
  device.launch(op, &Device::reduce, args, Uses().reads(xs).writes({&sum}));
  return sum;
}

}  // namespace

Tensor reduce_sum(const Tensor& x) {
  require_act("reduceSum", "x", x);
  return reduce("reduceSum", {x}, false);
}

Tensor sum_squares(const std::vector<Tensor>& xs) {
  for (const Tensor& x : xs) require_act("sumSquares", "each of xs", x);
  return reduce("sumSquares", xs, true);
}

Tensor row_norms(const Tensor& x) {
  constexpr const char* op = "rowNorms";
  require_dtype(op, "x", x, DType::F32);
  require_rank(op, "x", x, 2);
  Device& device = require_one_device(op, {&x});
  const Tensor norms = Tensor::empty(device, DType::F32, {x.dim(0)});
  device.launch(op, &Device::row_norms,
                RowNormsArgs{x.data_as<float>(), norms.data_as<float>(), x.dim(0), x.dim(1)},
                Uses().reads({&x}).writes({&norms}));
  return norms;
}

}  // namespace llft::ops

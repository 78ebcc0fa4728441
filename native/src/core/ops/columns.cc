// mul_columns, mul_columns_dv and sum_rows.
#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {
namespace {

Tensor column_sums(const char* op, const Tensor& a, const Tensor& b) {
  const int64_t rows = a.rows(), columns = a.columns();
  Device& device = require_one_device(op, {&a, &b});
  const Tensor partials = Tensor::empty(device, DType::F32, {column_sum_blocks(rows), columns});
  const Tensor sums = Tensor::empty(device, DType::F32, {columns});
  device.launch(op, &Device::column_sums,
                ColumnSumsArgs{a.data(), b.data(), partials.data_as<float>(), sums.data_as<float>(),
                               rows, columns, a.dtype()},
                Uses().reads({&a, &b}).writes({&sums}));
  return sums;
}

}  // namespace

Tensor mul_columns(const Tensor& x, const Tensor& v) {
  constexpr const char* op = "mulColumns";
  require_act(op, "x", x);
  require_min_rank(op, "x", x, 1);
  require_act(op, "v", v);
  require_shape(op, "v", v, {x.columns()});
  Device& device = require_one_device(op, {&x, &v});
  const Tensor y = Tensor::empty(device, x.dtype(), x.shape());
  device.launch(
      op, &Device::mul_columns,
      MulColumnsArgs{x.data(), v.data(), y.data(), x.rows(), x.columns(), x.dtype(), v.dtype()},
      Uses().reads({&x, &v}).writes({&y}));
  return y;
}

Tensor mul_columns_dv(const Tensor& dy, const Tensor& x) {
  constexpr const char* op = "mulColumnsDv";
  require_act(op, "dy", dy);
  require_min_rank(op, "dy", dy, 1);
  require_same_dtype(op, "dy", dy, "x", x);
  require_same_shape(op, "dy", dy, "x", x);
  return column_sums(op, dy, x);
}

Tensor sum_rows(const Tensor& x) {
  constexpr const char* op = "sumRows";
  require_act(op, "x", x);
  require_min_rank(op, "x", x, 1);
  return column_sums(op, x, Tensor());
}

}  // namespace llft::ops

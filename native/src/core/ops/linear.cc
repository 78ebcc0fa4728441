// linear, linear_dx and linear_dw: the contracts of core/ops.h over the one matrix product of
// cpu/kernels/gemm.h.
#include "core/check.h"
#include "core/ops.h"
#include "cpu/cpu_device.h"

namespace llft::ops {
namespace {

// Rows of x [..., columns]; right for columns = 0 too.
int64_t leading(const Tensor& x) {
  int64_t rows = 1;
  for (int64_t axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.dim(axis);
  return rows;
}

Shape with_columns(const Tensor& x, int64_t columns) {
  Shape shape = x.shape();
  shape.back() = columns;
  return shape;
}

// x is an activation [..., columns], one row per token.
void require_rows(const char* op, const char* name, const Tensor& x, int64_t columns) {
  require_min_rank(op, name, x, 1);
  require(x.columns() == columns, ErrorCode::Shape, op,
          (std::string(name) + " must have " + std::to_string(columns) + " columns").c_str(),
          [&] { return describe(x); });
}

// The pair of LoRA: low [..., R] with the rows of x, and its factor of the given shape (one of its
// dimensions is -1 = R).
void require_low_rank(const char* op, const char* low_name, const Tensor& low,
                      const char* factor_name, const Tensor& factor, const Shape& factor_shape,
                      const Tensor& x) {
  require(bool(low) == bool(factor), ErrorCode::Shape, op,
          (std::string(low_name) + " and " + factor_name + " must both be given or both be absent")
              .c_str(),
          [&] { return describe(low) + " and " + describe(factor); });
  if (!low) return;
  require_dtype(op, low_name, low, x.dtype());
  require_dtype(op, factor_name, factor, x.dtype());
  require_shape(op, factor_name, factor, factor_shape);
  require_rows(op, low_name, low, factor.dim(factor_shape[0] < 0 ? 0 : 1));
  require(leading(low) == leading(x), ErrorCode::Shape, op,
          (std::string(low_name) + " must have " + std::to_string(leading(x)) + " rows").c_str(),
          [&] { return describe(low); });
}

cpu::GemmArgs product(const Tensor& out, int64_t m, int64_t n, DType in_dtype) {
  cpu::GemmArgs args;
  args.m = m;
  args.n = n;
  args.in_dtype = in_dtype;
  args.c = out.data();
  args.out_dtype = out.dtype();
  args.ldc = n;
  return args;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& h,
              const Tensor& b, double scale, DType out_dtype) {
  constexpr const char* op = "linear";
  require_act(op, "x", x);
  require_rank(op, "w", w, 2);
  require_dtype(op, "w", w, x.dtype());
  const int64_t n = w.dim(0), k = w.dim(1);
  require_rows(op, "x", x, k);
  if (bias) {
    require_dtype(op, "bias", bias, x.dtype());
    require_shape(op, "bias", bias, {n});
  }
  require_low_rank(op, "h", h, "b", b, {n, -1}, x);
  require(out_dtype == DType::F32 || out_dtype == DType::BF16, ErrorCode::Dtype, op,
          "the output must be float32 or bfloat16", name_of(out_dtype));

  const Tensor y = Tensor::empty(out_dtype, with_columns(x, n));
  cpu::GemmArgs args = product(y, leading(x), n, x.dtype());
  args.bias = bias ? bias.data() : nullptr;
  args.segments[0] = {x.data(), w.data(), k, k, k, false, true, 1.0f};
  if (h) {
    const int64_t r = b.dim(1);
    args.segments[1] = {h.data(), b.data(), r, r, r, false, true, static_cast<float>(scale)};
    args.segment_count = 2;
  }
  cpu::launch(op, &cpu::Kernels::gemm, args);
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

  const Tensor dx = Tensor::empty(dy.dtype(), with_columns(dy, k));
  cpu::GemmArgs args = product(dx, leading(dy), k, dy.dtype());
  args.segments[0] = {dy.data(), w.data(), n, n, k, false, false, static_cast<float>(factor)};
  if (dh) {
    const int64_t r = a.dim(0);
    args.segments[1] = {dh.data(), a.data(), r, r, k, false, false, 1.0f};
    args.segment_count = 2;
  }
  cpu::launch(op, &cpu::Kernels::gemm, args);
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

  const Tensor dw = Tensor::empty(DType::F32, {n, k});
  cpu::GemmArgs args = product(dw, n, k, dy.dtype());
  args.segments[0] = {dy.data(), x.data(), t, n, k, true, false, static_cast<float>(factor)};
  cpu::launch(op, &cpu::Kernels::gemm, args);
  return dw;
}

}  // namespace llft::ops

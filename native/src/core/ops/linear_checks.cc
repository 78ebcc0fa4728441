#include "core/ops/linear_checks.h"

#include <string>

#include "core/check.h"

namespace llft::ops {

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

namespace {

GemmArgs product(const Tensor& out, int64_t m, int64_t n, DType in_dtype) {
  GemmArgs args;
  args.m = m;
  args.n = n;
  args.in_dtype = in_dtype;
  args.c = out.data();
  args.out_dtype = out.dtype();
  args.ldc = n;
  return args;
}

}  // namespace

void require_linear(const char* op, const Tensor& x, int64_t n, int64_t k, const Tensor& bias,
                    const Tensor& h, const Tensor& b, DType out_dtype) {
  require_rows(op, "x", x, k);
  if (bias) {
    require_dtype(op, "bias", bias, x.dtype());
    require_shape(op, "bias", bias, {n});
  }
  require_low_rank(op, "h", h, "b", b, {n, -1}, x);
  require(out_dtype == DType::F32 || out_dtype == DType::BF16, ErrorCode::Dtype, op,
          "the output must be float32 or bfloat16", name_of(out_dtype));
}

GemmArgs forward_product(const Tensor& x, const Tensor& bias, const Tensor& h, const Tensor& b,
                         double scale, const Tensor& y) {
  const int64_t k = x.columns();
  GemmArgs args = product(y, leading(x), y.columns(), x.dtype());
  args.bias = bias ? bias.data() : nullptr;
  args.terms[0] = {x.data(), nullptr, k, k, k, false, true, 1.0f};
  if (h) {
    const int64_t r = b.dim(1);
    args.terms[1] = {h.data(), b.data(), r, r, r, false, true, static_cast<float>(scale)};
    args.term_count = 2;
  }
  return args;
}

GemmArgs backward_product(const Tensor& dy, double factor, const Tensor& dh, const Tensor& a,
                          const Tensor& dx) {
  const int64_t n = dy.columns(), k = dx.columns();
  GemmArgs args = product(dx, leading(dy), k, dy.dtype());
  args.terms[0] = {dy.data(), nullptr, n, n, k, false, false, static_cast<float>(factor)};
  if (dh) {
    const int64_t r = a.dim(0);
    args.terms[1] = {dh.data(), a.data(), r, r, k, false, false, 1.0f};
    args.term_count = 2;
  }
  return args;
}

}  // namespace llft::ops

// What the products of a linear layer share, whatever W is made of: the checks of their operands,
// the shapes of their results, and their arguments to the matrix product but for W itself.
#pragma once

#include "core/kernels/gemm.h"
#include "core/tensor.h"

namespace llft::ops {

// Rows of x [..., columns]; right for columns = 0 too.
int64_t leading(const Tensor& x);
Shape with_columns(const Tensor& x, int64_t columns);

// x is an activation [..., columns], one row per token.
void require_rows(const char* op, const char* name, const Tensor& x, int64_t columns);
// The pair of LoRA: low [..., R] with the rows of x, and its factor of the given shape (one of its
// dimensions is -1 = R).
void require_low_rank(const char* op, const char* low_name, const Tensor& low,
                      const char* factor_name, const Tensor& factor, const Shape& factor_shape,
                      const Tensor& x);
// Everything of linear(x, W [n, k], ...) but W.
void require_linear(const char* op, const Tensor& x, int64_t n, int64_t k, const Tensor& bias,
                    const Tensor& h, const Tensor& b, DType out_dtype);

// y = x W^T + bias + scale * h b^T, and dx = factor * dy W + dh a: terms[0] waits for W.
GemmArgs forward_product(const Tensor& x, const Tensor& bias, const Tensor& h, const Tensor& b,
                         double scale, const Tensor& y);
GemmArgs backward_product(const Tensor& dy, double factor, const Tensor& dh, const Tensor& a,
                          const Tensor& dx);

}  // namespace llft::ops

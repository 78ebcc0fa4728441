// Every op's signature: the table of contents of the native library.
//
// Dimensions: B sequences, T tokens (rows), S key rows, D model width, H query heads, Hkv key/value
// heads, Dh head width, V vocabulary, R LoRA rank. "act" is the compute type of activations:
// float32 or bfloat16. Each op checks its contract and throws llft::Error before anything is
// queued, allocates its outputs and enqueues one kernel on the device's stream; it returns before
// the kernel has run. Absent optional tensors are `Tensor()`. Gradients of parameters are float32.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "core/optimizer_rates.h"
#include "core/quantized.h"
#include "core/tensor.h"

namespace llft::ops {

// ---- creation and movement ----------------------------------------------------------------------
Tensor empty(DType dtype, const Shape& shape);
void fill(const Tensor& x, double value);  // in place
// Element i is the draw of element offset + i of the Philox sequence of `seed`.
void fill_uniform(const Tensor& x, double low, double high, uint64_t seed, uint64_t offset);
void fill_normal(const Tensor& x, double mean, double std, uint64_t seed, uint64_t offset);
Tensor cast(const Tensor& x, DType dtype);         // f32, bf16, f16 to f32 or bf16; always a copy
void copy(const Tensor& src, const Tensor& dst);   // dst = src, cast where the types differ
Tensor view(const Tensor& x, const Shape& shape);  // shares storage
Tensor slice_rows(const Tensor& x, int64_t start, int64_t count);  // along axis 0; shares storage
Tensor slice_columns(const Tensor& x, int64_t start, int64_t count);  // along the last axis; a copy
Tensor concat_columns(const std::vector<Tensor>& parts);              // along the last axis; a copy
Tensor gather_rows(const Tensor& x, const Tensor& rows);  // x[R, ...], rows i32 [T] -> [T, ...]
// dst[rows[t]] = src[t]
void scatter_rows(const Tensor& src, const Tensor& rows, const Tensor& dst);
// Zeros [count, ...] of src's type, plus src[t] added (in float32, ascending t) to row rows[t].
Tensor scatter_add_rows(const Tensor& src, const Tensor& rows, int64_t count);

// ---- elementwise and reductions -----------------------------------------------------------------
Tensor add(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor scale(const Tensor& x, double factor);
void accumulate(const Tensor& dst, const Tensor& src);     // dst (f32) += src (f32 or bf16)
Tensor mul_columns(const Tensor& x, const Tensor& v);      // x[T, C] * v[C] (f32 or act)
Tensor mul_columns_dv(const Tensor& dy, const Tensor& x);  // f32 [C]: sum over rows of dy * x
Tensor sum_rows(const Tensor& x);                          // [T, C] -> f32 [C]
Tensor reduce_sum(const Tensor& x);  // -> f32 [1]; float32 in blocks, double over them, order fixed
// -> f32 [1] over all elements of all, fixed order
Tensor sum_squares(const std::vector<Tensor>& xs);
Tensor row_norms(const Tensor& x);  // f32 [R, C] -> f32 [R], Euclidean
// Own backward: the same mask on dy. Draws from at most numel() Philox blocks of `seed`, from block
// `offset` on.
Tensor dropout(const Tensor& x, double p, uint64_t seed, uint64_t offset);

// ---- transformer --------------------------------------------------------------------------------
Tensor embedding(const Tensor& weight, const Tensor& ids);  // [V, D], i32 [T] -> [T, D]
// dweight f32 [V, D], tokens added in ascending order.
Tensor embedding_backward(const Tensor& dy, const Tensor& ids, int64_t vocabulary);

// y = x w^T + bias + scale * h b^T. x [..., K] act, w [N, K] act, bias [N] act or absent;
// LoRA, fused into the same accumulation: h [T, R] = x A^T, b [N, R], both act, or both absent.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& h,
              const Tensor& b, double scale, DType out_dtype);
// dx = factor * dy w + dh a. dy [..., N], w [N, K]; dh [T, R], a [R, K] or both absent.
Tensor linear_dx(const Tensor& dy, const Tensor& w, double factor, const Tensor& dh,
                 const Tensor& a);
// dw = factor * dy^T x in float32. dy [T, N], x [T, K] -> f32 [N, K].
Tensor linear_dw(const Tensor& dy, const Tensor& x, double factor);

// ---- quantised matrices: formulas and formats in core/quantized.h -------------------------------
// x [N, K] float32, bfloat16 or float16, in blocks of a power of two in [32, 4096] -> (codes u8
// [ceil(N K / 2)], absmax f32 [ceil(N K / block)]). absmax is NaN where x is not finite.
std::tuple<Tensor, Tensor> quantize_4bit(const Tensor& x, QuantFormat format, int64_t block);
// x [N, K] -> (codes i8 [N, K], absmax f32 [N], the largest magnitude of each row over 127).
std::tuple<Tensor, Tensor> quantize_int8(const Tensor& x);
// x [N, K] -> blocks u8 [N, bytes of a row] of a format of GGUF; importance f32 [K] or absent.
// Throws Data where x is not finite or a scale is too large for float16.
Tensor quantize_blocks(const Tensor& x, QuantFormat format, const Tensor& importance);
// x f32 [n], less its mean where wanted, by the dynamic map -> (codes u8 [n], absmax f32 [ceil(n /
// block)], offset f32 [1] or Tensor()).
std::tuple<Tensor, Tensor, Tensor> quantize_8bit(const Tensor& x, bool is_signed, int64_t block,
                                                 bool subtract_mean);
// The way back, f32 [n]; offset f32 [1] or absent.
Tensor dequantize_8bit(const Tensor& codes, const Tensor& absmax, const Tensor& offset,
                       bool is_signed, int64_t block);
// Rows [start, start + count) of w as float32 or bfloat16 [count, K].
Tensor dequantize_rows(const QuantizedMatrix& w, int64_t start, int64_t count, DType dtype);
// y[t] = w[ids[t]] as float32 or bfloat16 [T, K]; ids i32 [T].
Tensor embedding_quantized(const QuantizedMatrix& w, const Tensor& ids, DType dtype);
// linear and linear_dx with the dequantised w, rounded to the type of x; w never exists whole.
// fixed_point: x may be rounded to whole numbers as well, where that is faster.
Tensor linear_quantized(const Tensor& x, const QuantizedMatrix& w, const Tensor& bias,
                        const Tensor& h, const Tensor& b, double scale, DType out_dtype,
                        bool fixed_point);
Tensor linear_quantized_dx(const Tensor& dy, const QuantizedMatrix& w, double factor,
                           const Tensor& dh, const Tensor& a);

// y = (x [+ residual]) * rstd * weight over the last axis, residual f32 or act; returns (y of x's
// type, sum f32 or Tensor(), rstd f32 [rows]).
std::tuple<Tensor, Tensor, Tensor> rms_norm(const Tensor& x, const Tensor& residual,
                                            const Tensor& weight, double eps);
// x is the normalised sum; dsum (f32, or absent) is added to dx. Returns (dx, f32 where there is a
// dsum, else of x's type; dweight f32 or Tensor()).
std::tuple<Tensor, Tensor> rms_norm_backward(const Tensor& dy, const Tensor& x,
                                             const Tensor& weight, const Tensor& rstd,
                                             const Tensor& dsum, bool want_dweight);

// Rotates the first 2*C of the Dh columns of each head, halves paired (i, i + C) as in Hugging
// Face's rotate_half. x [T, H, Dh]; cosines, sines f32 [P, C]; positions i32 [T]; inverse =
// backward.
Tensor rope(const Tensor& x, const Tensor& cosines, const Tensor& sines, const Tensor& positions,
            bool inverse);

// Causal attention. q [T, H, Dh]; k, v [S, Hkv, Dh]; H a multiple of Hkv (head h reads h / (H /
// Hkv)). segments i32 [B, 4], on the host side of the contract: (query start, query count, key
// start, key count) each; query i of a segment stands at key position (key count - query count + i)
// and sees keys up to itself, the last `window` of them where window > 0. Returns (o [T, H, Dh],
// lse f32 [T, H]).
std::tuple<Tensor, Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                     const std::vector<int64_t>& segments, double scale,
                                     int64_t window);
std::tuple<Tensor, Tensor, Tensor> attention_backward(const Tensor& dout, const Tensor& q,
                                                      const Tensor& k, const Tensor& v,
                                                      const Tensor& o, const Tensor& lse,
                                                      const std::vector<int64_t>& segments,
                                                      double scale, int64_t window);

Tensor swiglu(const Tensor& gate, const Tensor& up);  // silu(gate) * up
std::tuple<Tensor, Tensor> swiglu_backward(const Tensor& dy, const Tensor& gate, const Tensor& up);

// ---- losses -------------------------------------------------------------------------------------
// Sum over rows of the cross entropy of softmax(x w^T) against labels i32 [T]; rows labelled -100
// count nothing. smoothing in [0, 1) is the part of the target that all columns share. Logits exist
// for a chunk of rows at a time only. Gradients (of the sum) come with it where wanted: returns
// (loss f32 [1], dx act [T, D] or Tensor(), dw f32 [V, D] or Tensor()).
std::tuple<Tensor, Tensor, Tensor> linear_cross_entropy(const Tensor& x, const Tensor& w,
                                                        const Tensor& labels, double smoothing,
                                                        bool want_dx, bool want_dw);
// The same of logits [T, V]: (loss f32 [1], dlogits or Tensor()).
std::tuple<Tensor, Tensor> cross_entropy(const Tensor& logits, const Tensor& labels,
                                         double smoothing, bool want_dlogits);

// ---- optimisers (in place, float32) -------------------------------------------------------------
// From the sum of squares of the raw gradients: norm = sqrt(sum) / count, factor = min(1, max_norm
// / (norm + 1e-6)) / count (max_norm <= 0: no clipping), NaN where norm is not finite. Returns
// (factor f32 [1], norm f32 [1]). A step whose grad_factor is not finite changes nothing.
std::tuple<Tensor, Tensor> clip_factor(const Tensor& sum_squares, double count, double max_norm);
// AdamW as torch.optim.AdamW; the gradient is grad * grad_factor[0]; step counts from 1.
void adamw_step(const Tensor& param, const Tensor& grad, const Tensor& m, const Tensor& v,
                const Tensor& grad_factor, const AdamwRates& rates);
// The same with the moments in 8 bits: m, v u8 of param's shape, their scales f32 [ceil(n / 256)].
void adamw8bit_step(const Tensor& param, const Tensor& grad, const Tensor& m, const Tensor& v,
                    const Tensor& m_absmax, const Tensor& v_absmax, const Tensor& grad_factor,
                    const AdamwRates& rates);
// Lion (Chen et al. 2023): p *= 1 - lr wd; p -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1
// - beta2) g.
void lion_step(const Tensor& param, const Tensor& grad, const Tensor& m, const Tensor& grad_factor,
               const LionRates& rates);
// Adafactor as transformers.Adafactor. row [R] and column [C] of a matrix [R, C], or v of param's
// shape, the others absent; m of param's shape, or absent where beta1 is not used.
void adafactor_step(const Tensor& param, const Tensor& grad, const Tensor& row,
                    const Tensor& column, const Tensor& v, const Tensor& m,
                    const Tensor& grad_factor, const AdafactorRates& rates);
// SGD as torch.optim.SGD (no Nesterov); momentum_buffer absent when momentum is 0.
void sgd_step(const Tensor& param, const Tensor& grad, const Tensor& momentum_buffer,
              const Tensor& grad_factor, const SgdRates& rates);

// ---- sampling -----------------------------------------------------------------------------------
// ids i32 [B] drawn from logits [B, V]; temperature 0 = argmax (lowest id wins ties). top_k 0,
// top_p 1, min_p 0 = off; applied in the order temperature, top-k, top-p, min-p as transformers
// does. Row b draws from Philox(seeds[b], step).
Tensor sample(const Tensor& logits, double temperature, int64_t top_k, double top_p, double min_p,
              const std::vector<int64_t>& seeds, int64_t step);

}  // namespace llft::ops

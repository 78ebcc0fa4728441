// Formula, layouts and error bound: linear_cross_entropy.h.
#include "core/kernels/linear_cross_entropy.h"

#include <vector>

#include "cpu/kernels/cross_entropy_row.h"
#include "cpu/kernels/gemm.h"

namespace llft::cpu::LLFT_ISA {
namespace {

struct Chunk {
  const LinearCrossEntropyArgs& args;
  const int64_t* rows;  // their places in x
  int64_t count;
  bool first;
};

static inline size_t row_bytes(const LinearCrossEntropyArgs& args) {
  return static_cast<size_t>(args.width) * size_of(args.dtype);
}

static void gather_rows(const Chunk& chunk) {
  const size_t bytes = row_bytes(chunk.args);
  for (int64_t i = 0; i < chunk.count; ++i) {
    memcpy(static_cast<char*>(chunk.args.rows) + i * bytes,
           static_cast<const char*>(chunk.args.x) + chunk.rows[i] * bytes, bytes);
  }
}

static void scatter_grads(const Chunk& chunk) {
  const size_t bytes = row_bytes(chunk.args);
  for (int64_t i = 0; i < chunk.count; ++i) {
    memcpy(static_cast<char*>(chunk.args.dx) + chunk.rows[i] * bytes,
           static_cast<const char*>(chunk.args.row_grads) + i * bytes, bytes);
  }
}

static void multiply_logits(const Chunk& chunk, ThreadPool& pool) {
  const LinearCrossEntropyArgs& args = chunk.args;
  GemmArgs gemm_args;
  gemm_args.m = chunk.count;
  gemm_args.n = args.vocabulary;
  gemm_args.in_dtype = args.dtype;
  gemm_args.terms[0] = {args.rows, args.w, args.width, args.width, args.width, false, true, 1.0f};
  gemm_args.c = args.logits;
  gemm_args.out_dtype = DType::F32;
  gemm_args.ldc = args.vocabulary;
  gemm(gemm_args, pool);
}

// dz takes the place of the row's exponentials. A bfloat16 row fills the first half of its float32
// row: what is written at i lies at or before what is read at i, and each vector is read before it
// is written.
template <class T>
static void gradient_of_row(const LinearCrossEntropyArgs& args, float* e, float inverse,
                            int32_t label) {
  const RowTarget target(args.smoothing, args.vocabulary);
  T* const dz = reinterpret_cast<T*>(e);
  const float at_label = e[label] * inverse - target.label_share;
  simd::for_vectors(args.vocabulary, [&](int64_t i, auto lanes) {
    simd::store(dz + i, simd::load(e + i, lanes) * inverse - target.share, lanes);
  });
  simd::store_scalar(dz + label, at_label);
}

static double loss_of_row(const LinearCrossEntropyArgs& args, float* z, int32_t label) {
  const bool want_gradient = args.dx || args.dw;
  // Before the row's exponentials take its place.
  const double wanted = target_logit(z, label, args.vocabulary, args.smoothing);
  const RowSum row = row_sum(z, args.vocabulary, want_gradient ? z : nullptr);
  if (want_gradient) {
    const float inverse = static_cast<float>(1.0 / row.sum);
    if (args.dtype == DType::F32) {
      gradient_of_row<float>(args, z, inverse, label);
    } else {
      gradient_of_row<bf16>(args, z, inverse, label);
    }
  }
  return row.log_sum() - wanted;
}

static double loss_of_chunk(const Chunk& chunk, ThreadPool& pool) {
  const LinearCrossEntropyArgs& args = chunk.args;
  std::vector<double> losses(static_cast<size_t>(chunk.count));
  double* const out = losses.data();
  pool.run(chunk.count, [&](int64_t i) {
    out[i] = loss_of_row(args, args.logits + i * args.vocabulary, args.labels[chunk.rows[i]]);
  });
  double loss = 0.0;
  for (int64_t i = 0; i < chunk.count; ++i) loss += out[i];
  return loss;
}

static void multiply_gradients(const Chunk& chunk, ThreadPool& pool) {
  const LinearCrossEntropyArgs& args = chunk.args;
  const int64_t dz_stride = args.vocabulary * (4 / static_cast<int64_t>(size_of(args.dtype)));
  GemmArgs gemm_args;
  gemm_args.in_dtype = args.dtype;
  gemm_args.n = args.width;
  gemm_args.ldc = args.width;
  if (args.dx) {
    gemm_args.m = chunk.count;
    gemm_args.terms[0] = {args.logits, args.w, args.vocabulary, dz_stride,
                          args.width,  false,  false,           1.0f};
    gemm_args.c = args.row_grads;
    gemm_args.out_dtype = args.dtype;
    gemm(gemm_args, pool);
    scatter_grads(chunk);
  }
  if (args.dw) {
    gemm_args.m = args.vocabulary;
    gemm_args.terms[0] = {args.logits, args.rows, chunk.count, dz_stride,
                          args.width,  true,      false,       1.0f};
    gemm_args.c = args.dw;
    gemm_args.out_dtype = DType::F32;
    gemm_args.accumulate = !chunk.first;
    gemm(gemm_args, pool);
  }
}

static std::vector<int64_t> counted_rows(const LinearCrossEntropyArgs& args) {
  std::vector<int64_t> rows;
  for (int64_t t = 0; t < args.tokens; ++t) {
    check_label(args.op, args.labels[t], t, args.vocabulary);
    if (args.labels[t] != kIgnoredLabel) rows.push_back(t);
  }
  return rows;
}

static void clear_ignored(const LinearCrossEntropyArgs& args, bool none_counted) {
  const size_t bytes = row_bytes(args);
  for (int64_t t = 0; args.dx && t < args.tokens; ++t) {
    if (args.labels[t] == kIgnoredLabel) memset(static_cast<char*>(args.dx) + t * bytes, 0, bytes);
  }
  if (args.dw && none_counted)
    memset(args.dw, 0, static_cast<size_t>(args.vocabulary * args.width) * sizeof(float));
}

}  // namespace

void linear_cross_entropy(const LinearCrossEntropyArgs& args, ThreadPool& pool) {
  const std::vector<int64_t> rows = counted_rows(args);
  const int64_t count = static_cast<int64_t>(rows.size());
  clear_ignored(args, count == 0);
  double loss = 0.0;
  for (int64_t begin = 0; begin < count; begin += args.chunk_rows) {
    const int64_t left = count - begin;
    const Chunk chunk{args, rows.data() + begin, left < args.chunk_rows ? left : args.chunk_rows,
                      begin == 0};
    gather_rows(chunk);
    multiply_logits(chunk, pool);
    loss += loss_of_chunk(chunk, pool);
    if (args.dx || args.dw) multiply_gradients(chunk, pool);
  }
  args.loss[0] = static_cast<float>(loss);
}

}  // namespace llft::cpu::LLFT_ISA

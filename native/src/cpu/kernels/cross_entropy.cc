// Formula, layouts and error bound: cross_entropy.h. Work is split by rows.
#include "core/kernels/cross_entropy.h"

#include "cpu/kernels/cross_entropy_row.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {
namespace {

template <class T>
static double loss_of_row(const CrossEntropyArgs& args, const T* z, int32_t label, T* dlogits) {
  const int64_t columns = args.vocabulary;
  if (label == kIgnoredLabel) {
    if (dlogits) memset(dlogits, 0, static_cast<size_t>(columns) * sizeof(T));
    return 0.0;
  }
  const RowSum row = row_sum(z, columns, nullptr);
  if (dlogits) {
    const float inverse = static_cast<float>(1.0 / row.sum);
    const RowTarget target(args.smoothing, columns);
    simd::for_vectors(columns, [&](int64_t i, auto lanes) {
      const simd::F32 e = simd::exp(simd::load(z + i, lanes) - row.top);
      simd::store(dlogits + i, e * inverse - target.share, lanes);
    });
    const float e = simd::exp(simd::splat(simd::to_float(z[label]) - row.top))[0];
    simd::store_scalar(dlogits + label, e * inverse - target.label_share);
  }
  return row.log_sum() - target_logit(z, label, columns, args.smoothing);
}

template <class T>
static void run(const CrossEntropyArgs& args, ThreadPool& pool) {
  parallel_for(pool, args.tokens, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t at = t * args.vocabulary;
      T* dlogits = args.dlogits ? static_cast<T*>(args.dlogits) + at : nullptr;
      args.row_losses[t] =
          loss_of_row(args, static_cast<const T*>(args.logits) + at, args.labels[t], dlogits);
    }
  });
}

}  // namespace

void cross_entropy(const CrossEntropyArgs& args, ThreadPool& pool) {
  for (int64_t t = 0; t < args.tokens; ++t)
    check_label(args.op, args.labels[t], t, args.vocabulary);
  if (args.dtype == DType::F32) {
    run<float>(args, pool);
  } else {
    run<bf16>(args, pool);
  }
  double loss = 0.0;
  for (int64_t t = 0; t < args.tokens; ++t) loss += args.row_losses[t];
  args.loss[0] = static_cast<float>(loss);
}

}  // namespace llft::cpu::LLFT_ISA

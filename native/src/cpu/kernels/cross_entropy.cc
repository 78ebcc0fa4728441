// Formula, layouts and error bound: cross_entropy.h. Work is split by rows.
#include "core/kernels/cross_entropy.h"

#include "cpu/kernels/cross_entropy_row.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {
namespace {

template <class T>
static double loss_of_row(const T* z, int32_t label, int64_t columns, T* dlogits) {
  if (label == kIgnoredLabel) {
    if (dlogits) memset(dlogits, 0, static_cast<size_t>(columns) * sizeof(T));
    return 0.0;
  }
  const RowSum row = row_sum(z, columns, nullptr);
  if (dlogits) {
    const float inverse = static_cast<float>(1.0 / row.sum);
    simd::for_vectors(columns, [&](int64_t i, auto lanes) {
      simd::store(dlogits + i, simd::exp(simd::load(z + i, lanes) - row.top) * inverse, lanes);
    });
    const float e = simd::exp(simd::splat(simd::to_float(z[label]) - row.top))[0];
    simd::store_scalar(dlogits + label, e * inverse - 1.0f);
  }
  return row.log_sum() - static_cast<double>(simd::to_float(z[label]));
}

template <class T>
static void run(const CrossEntropyArgs& args, ThreadPool& pool) {
  parallel_for(pool, args.tokens, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t at = t * args.vocabulary;
      T* dlogits = args.dlogits ? static_cast<T*>(args.dlogits) + at : nullptr;
      args.row_losses[t] = loss_of_row(static_cast<const T*>(args.logits) + at, args.labels[t],
                                       args.vocabulary, dlogits);
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

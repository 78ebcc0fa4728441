// Formula, layouts and error bound: rope.h.
#include "core/kernels/rope.h"

#include <cstdio>

#include "cpu/kernel_error.h"
#include "cpu/simd/vec.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using simd::F32;

template <class T>
static void rotate_head(const T* x, const float* cosines, const float* sines, float sign,
                        int64_t half, T* y) {
  simd::for_vectors(half, [&](int64_t i, auto lanes) {
    const F32 a = simd::load(x + i, lanes);
    const F32 b = simd::load(x + half + i, lanes);
    const F32 c = simd::load(cosines + i, lanes);
    const F32 s = simd::load(sines + i, lanes) * sign;
    simd::store(y + i, a * c - b * s, lanes);
    simd::store(y + half + i, b * c + a * s, lanes);
  });
}

template <class T>
static void rotate_rows(const RopeArgs& args, int64_t begin, int64_t end) {
  const int64_t width = args.heads * args.head_dim;
  const int64_t rest = args.head_dim - 2 * args.half;
  for (int64_t t = begin; t < end; ++t) {
    const int64_t position = args.positions[t];
    if (position < 0 || position >= args.table_rows) {
      char name[48];
      snprintf(name, sizeof(name), "positions[%lld]", static_cast<long long>(t));
      fail_index("rope", name, position, args.table_rows);
    }
    const T* x = static_cast<const T*>(args.x) + t * width;
    T* y = static_cast<T*>(args.y) + t * width;
    const float* cosines = args.cosines + position * args.half;
    const float* sines = args.sines + position * args.half;
    for (int64_t h = 0; h < args.heads; ++h, x += args.head_dim, y += args.head_dim) {
      rotate_head(x, cosines, sines, args.inverse ? -1.0f : 1.0f, args.half, y);
      memcpy(y + 2 * args.half, x + 2 * args.half, static_cast<size_t>(rest) * sizeof(T));
    }
  }
}

}  // namespace

void rope(const RopeArgs& args, ThreadPool& pool) {
  constexpr int64_t kGrainElements = int64_t{1} << 15;
  const int64_t width = args.heads * args.head_dim;
  if (width == 0) return;
  const int64_t grain = kGrainElements / width > 0 ? kGrainElements / width : 1;
  parallel_for(pool, args.tokens, grain, [&](int64_t begin, int64_t end) {
    if (args.dtype == DType::F32) return rotate_rows<float>(args, begin, end);
    rotate_rows<bf16>(args, begin, end);
  });
}

}  // namespace llft::cpu::LLFT_ISA

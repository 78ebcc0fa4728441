#include "core/kernels/fill.h"

#include <math.h>

#include "core/rng.h"
#include "cpu/simd/vec.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {
namespace {

constexpr int64_t kFillGrain = 1 << 17;
constexpr int64_t kRandomGrain = 1 << 13;

template <class T>
static void fill_all(const FillArgs& args, ThreadPool& pool, T value) {
  parallel_for(pool, args.count, kFillGrain, [&](int64_t begin, int64_t end) {
    T* dst = static_cast<T*>(args.dst);
    for (int64_t i = begin; i < end; ++i) dst[i] = value;
  });
}

// The four draws of one Philox block, before they are scaled.
static inline void draw(bool normal, uint64_t seed, uint64_t block, float* draws) {
  const Philox::Block bits = Philox::block(seed, block);
  if (!normal) {
    for (int i = 0; i < 4; ++i) draws[i] = Philox::uniform(bits[i]);
    return;
  }
  for (int i = 0; i < 4; i += 2) {
    const float radius = sqrtf(-2.0f * logf(1.0f - Philox::uniform(bits[i])));
    const float angle = 6.28318531f * Philox::uniform(bits[i + 1]);
    draws[i] = radius * cosf(angle);
    draws[i + 1] = radius * sinf(angle);
  }
}

template <class T>
static void fill_random_range(const FillRandomArgs& args, int64_t begin, int64_t end) {
  T* dst = static_cast<T*>(args.dst);
  const double base = args.low;
  const double width = args.normal ? args.high : args.high - args.low;
  float draws[4];
  uint64_t element = args.offset + static_cast<uint64_t>(begin);
  draw(args.normal, args.seed, element / 4, draws);
  for (int64_t i = begin; i < end; ++i, ++element) {
    if (element % 4 == 0) draw(args.normal, args.seed, element / 4, draws);
    simd::store_scalar(dst + i,
                       static_cast<float>(base + width * static_cast<double>(draws[element % 4])));
  }
}

}  // namespace

void fill(const FillArgs& args, ThreadPool& pool) {
  switch (args.dtype) {
    case DType::BF16: {
      bf16 value;
      simd::store_scalar(&value, static_cast<float>(args.value));
      return fill_all(args, pool, value);
    }
    case DType::I32:
      return fill_all(args, pool, static_cast<int32_t>(args.value));
    case DType::U8:
      return fill_all(args, pool, static_cast<uint8_t>(args.value));
    case DType::I8:
      return fill_all(args, pool, static_cast<int8_t>(args.value));
    default:
      return fill_all(args, pool, static_cast<float>(args.value));
  }
}

void fill_random(const FillRandomArgs& args, ThreadPool& pool) {
  parallel_for(pool, args.count, kRandomGrain, [&](int64_t begin, int64_t end) {
    if (args.dtype == DType::BF16) {
      fill_random_range<bf16>(args, begin, end);
    } else {
      fill_random_range<float>(args, begin, end);
    }
  });
}

}  // namespace llft::cpu::LLFT_ISA

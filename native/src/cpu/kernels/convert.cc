#include "core/kernels/convert.h"

#include "cpu/simd/half.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

constexpr int64_t kGrain = 1 << 16;

template <class Src, class Dst>
static void convert_range(const void* src, void* dst, int64_t begin, int64_t end) {
  const Src* from = static_cast<const Src*>(src) + begin;
  Dst* to = static_cast<Dst*>(dst) + begin;
  for_vectors(end - begin,
              [&](int64_t i, auto lanes) { store(to + i, load_any(from + i, lanes), lanes); });
}

using Range = void (*)(const void*, void*, int64_t, int64_t);

template <class Dst>
static Range range_from(DType src) {
  switch (src) {
    case DType::BF16:
      return &convert_range<bf16, Dst>;
    case DType::F16:
      return &convert_range<Half, Dst>;
    default:
      return &convert_range<float, Dst>;
  }
}

}  // namespace

void convert(const ConvertArgs& args, ThreadPool& pool) {
  if (args.src_dtype == args.dst_dtype) {
    const int64_t width = static_cast<int64_t>(size_of(args.src_dtype));
    parallel_for(pool, args.count * width, kGrain * 4, [&](int64_t begin, int64_t end) {
      memcpy(static_cast<char*>(args.dst) + begin, static_cast<const char*>(args.src) + begin,
             static_cast<size_t>(end - begin));
    });
    return;
  }
  const Range range = args.dst_dtype == DType::BF16 ? range_from<bf16>(args.src_dtype)
                                                    : range_from<float>(args.src_dtype);
  parallel_for(pool, args.count, kGrain,
               [&](int64_t begin, int64_t end) { range(args.src, args.dst, begin, end); });
}

}  // namespace llft::cpu::LLFT_ISA

#include "core/kernels/dequantize.h"

#include "cpu/kernels/expand_quantized.h"
#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {

void dequantize_rows(const DequantizeRowsArgs& args, ThreadPool& pool) {
  const int64_t columns = args.w.columns;
  simd::with_act(args.dtype, [&](auto tag) {
    auto* out = static_cast<simd::ActOf<decltype(tag)>*>(args.out);
    parallel_for(pool, args.count, simd::row_grain(columns), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        expand_quantized(args.w, args.start + r, 0, columns, out + r * columns);
      }
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA

#include "core/kernels/dequantize.h"

#include "cpu/kernel_error.h"
#include "cpu/kernels/expand_quantized.h"
#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {

void dequantize_rows(const DequantizeRowsArgs& args, ThreadPool& pool) {
  const int64_t columns = args.w.columns;
  for (int64_t r = 0; args.ids && r < args.count; ++r) {
    const int32_t id = args.ids[r];
    if (id < 0 || id >= args.rows) fail_index("embeddingQuantized", "ids", id, args.rows);
  }
  simd::with_act(args.dtype, [&](auto tag) {
    auto* out = static_cast<simd::ActOf<decltype(tag)>*>(args.out);
    parallel_for(pool, args.count, simd::row_grain(columns), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t row = args.ids ? args.ids[r] : args.start + r;
        expand_quantized(args.w, row, 0, columns, out + r * columns);
      }
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA

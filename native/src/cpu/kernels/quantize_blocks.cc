// Layout, search and errors: quantize_blocks.h.
#include "core/kernels/quantize_blocks.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/blocks.h"
#include "cpu/blocks/quantize_row.h"
#include "cpu/kernel_error.h"
#include "cpu/simd/half.h"
#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

// A row in float32, each element checked.
template <class T>
static void load_row(const T* x, int64_t row, int64_t columns, float* out) {
  for_vectors(columns,
              [=](int64_t c, auto lanes) { store(out + c, load_any(x + c, lanes), lanes); });
  for (int64_t c = 0; c < columns; ++c) {
    if (std::isfinite(out[c])) continue;
    const std::string got =
        std::to_string(out[c]) + " in row " + std::to_string(row) + ", column " + std::to_string(c);
    fail_value("quantizeBlocks", "x must be finite", got.c_str());
  }
}

static void check_importance(const QuantizeBlocksArgs& args) {
  for (int64_t c = 0; args.importance && c < args.columns; ++c) {
    const float value = args.importance[c];
    if (std::isfinite(value) && value >= 0) continue;
    const std::string got = std::to_string(value) + " in column " + std::to_string(c);
    fail_value("quantizeBlocks", "importance must be finite and not negative", got.c_str());
  }
}

template <class T>
static void quantize_rows(const QuantizeBlocksArgs& args, int64_t begin, int64_t end) {
  std::vector<float> row(static_cast<size_t>(args.columns));
  const int64_t bytes = row_bytes(args.format, args.columns);
  for (int64_t r = begin; r < end; ++r) {
    load_row(static_cast<const T*>(args.x) + r * args.columns, r, args.columns, row.data());
    if (quantize_row(args.format, row.data(), args.importance, args.columns,
                     args.blocks + r * bytes))
      continue;
    fail_value("quantizeBlocks", "float16 must hold the scales of all blocks",
               ("too large a number in row " + std::to_string(r)).c_str());
  }
}

}  // namespace

void quantize_blocks(const QuantizeBlocksArgs& args, ThreadPool& pool) {
  check_importance(args);
  parallel_for(pool, args.rows, 1, [&](int64_t begin, int64_t end) {
    if (args.dtype == DType::F16) return quantize_rows<Half>(args, begin, end);
    with_act(args.dtype, [&](auto tag) { quantize_rows<ActOf<decltype(tag)>>(args, begin, end); });
  });
}

}  // namespace llft::cpu::LLFT_ISA

#include "cpu/kernels/attention_tiles.h"

#include <algorithm>

#include "cpu/kernels/gemm_pack.h"

namespace llft::cpu::LLFT_ISA {
namespace {

template <bool kPairs, TileStore kStore, int kVectors>
static void micro(const TileProduct& product, const uint32_t* a, const uint32_t* b, float* c,
                  const float* factor) {
  F32 acc[kTileRows][kVectors] = {};
  const int64_t a_stride = product.a_stride, b_stride = product.b_stride;
#pragma GCC unroll 4
  for (int64_t u = 0; u < product.units; ++u) {
    U32 column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = simd::load(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
      const U32 row = simd::splat_u32(a[r * a_stride]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        acc[r][v] = simd::multiply_add<kPairs>(acc[r][v], row, column[v]);
    }
    ++a;
    b += b_stride;
  }
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    F32 scale = {};
    if constexpr (kStore == TileStore::kScaleAdd) scale = simd::load(factor + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
      float* const out = c + r * product.c_stride + v * kLanes;
      F32 value = acc[r][v];
      if constexpr (kStore == TileStore::kAdd) value += simd::load(out);
      if constexpr (kStore == TileStore::kScaleAdd)
        value = simd::fma(scale, simd::load(out), value);
      simd::store(out, value);
    }
  }
}

using Micro = void (*)(const TileProduct&, const uint32_t*, const uint32_t*, float*, const float*);

template <bool kPairs, TileStore kStore>
static inline Micro micro_of(int64_t vectors) {
  static_assert(kTileVectors == 3);
  return vectors == 3   ? micro<kPairs, kStore, 3>
         : vectors == 2 ? micro<kPairs, kStore, 2>
                        : micro<kPairs, kStore, 1>;
}

// Columns in panels of nearly equal width, so that no panel is much thinner than the registers
// allow.
template <bool kPairs, TileStore kStore>
static void run(const TileProduct& product) {
  const int64_t panels = (product.vectors + kTileVectors - 1) / kTileVectors;
  for (int64_t p = 0; p < panels; ++p) {
    const int64_t begin = product.vectors * p / panels;
    const int64_t vectors = product.vectors * (p + 1) / panels - begin;
    const Micro kernel = micro_of<kPairs, kStore>(vectors);
    const int64_t column = begin * kLanes;
    for (int64_t r = 0; r < product.rows; r += kTileRows) {
      kernel(product, product.a + r * product.a_stride, product.b + column,
             product.c + r * product.c_stride + column,
             product.factor ? product.factor + column : nullptr);
    }
  }
}

template <bool kPairs>
static void run_store(TileStore store, const TileProduct& product) {
  switch (store) {
    case TileStore::kSet:
      return run<kPairs, TileStore::kSet>(product);
    case TileStore::kAdd:
      return run<kPairs, TileStore::kAdd>(product);
    case TileStore::kScaleAdd:
      return run<kPairs, TileStore::kScaleAdd>(product);
  }
}

}  // namespace

void tile_product(bool pairs, TileStore store, const TileProduct& product) {
#if defined(__AVX512BF16__)
  if (pairs) return run_store<true>(store, product);
#endif
  static_cast<void>(pairs);
  run_store<false>(store, product);
}

void transpose_units(const uint32_t* src, int64_t src_stride, int64_t rows, int64_t columns,
                     uint32_t* dst, int64_t dst_stride) {
  gemm_pack_a(GemmPacking::kFloat, GemmBlock{src, src_stride, false, 0, columns, 0, rows},
              dst_stride, dst);
}

void clear_uncovered(void* data, size_t row_bytes, int64_t rows,
                     std::vector<std::pair<int64_t, int64_t>> ranges) {
  std::sort(ranges.begin(), ranges.end());
  int64_t next = 0;
  const auto clear = [&](int64_t end) {
    if (next < end)
      memset(static_cast<char*>(data) + next * row_bytes, 0,
             static_cast<size_t>(end - next) * row_bytes);
  };
  for (const auto& [start, count] : ranges) {
    clear(start);
    next = most(next, start + count);
  }
  clear(rows);
}

}  // namespace llft::cpu::LLFT_ISA

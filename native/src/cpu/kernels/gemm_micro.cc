#include "cpu/kernels/gemm_micro.h"

#include <utility>

#include "cpu/kernels/fixed_point.h"

namespace llft::cpu::LLFT_ISA {
namespace {

static inline U32 broadcast(uint32_t unit) { return U32{} + unit; }

template <int kRows, int kVectors>
using Sums = F32[kRows][kVectors];

// f(sum, r, v) for every vector of the tile. Inlined, as all that takes the sums is, so that they
// stay in registers.
template <int kRows, int kVectors, class F>
[[gnu::always_inline]] static inline void each(Sums<kRows, kVectors>& sums, const F& f) {
  unrolled<kRows>([&](auto r) __attribute__((always_inline)) {
    unrolled<kVectors>([&](auto v)
                           __attribute__((always_inline)) { f(sums[r][v], int{r}, int{v}); });
  });
}

template <class V>
static inline void store_part(void* c, V value, int64_t count, size_t element) {
  if (count >= kLanes) {
    store_bytes(c, value);
  } else if (count > 0) {
    memcpy(c, &value, static_cast<size_t>(count) * element);
  }
}

template <int kRows, int kVectors>
[[gnu::always_inline]] static inline void store_bf16(const GemmTile& tile,
                                                     Sums<kRows, kVectors>& sums) {
  each<kRows, kVectors>(sums, [&](F32& sum, int r, int v) __attribute__((always_inline)) {
    bf16* const c = static_cast<bf16*>(tile.c) + r * tile.ldc + v * kLanes;
    store_part(c, round_to_bf16(sum), tile.columns - v * kLanes, sizeof(bf16));
  });
}

template <int kRows, int kVectors>
[[gnu::always_inline]] static inline void store_f32(const GemmTile& tile,
                                                    Sums<kRows, kVectors>& sums) {
  const auto row = [&](int r) { return static_cast<float*>(tile.c) + r * tile.ldc; };
  if (tile.columns >= kVectors * kLanes) {
    if (tile.accumulate) {
      each<kRows, kVectors>(sums, [&](F32& sum, int r, int v) __attribute__((always_inline)) {
        sum += load_bytes<F32>(row(r) + v * kLanes);
      });
    }
    each<kRows, kVectors>(sums, [&](F32& sum, int r, int v) __attribute__((always_inline)) {
      store_bytes(row(r) + v * kLanes, sum);
    });
    return;
  }
  each<kRows, kVectors>(sums, [&](F32& sum, int r, int v) __attribute__((always_inline)) {
    float* const c = row(r) + v * kLanes;
    const int64_t count = tile.columns - v * kLanes;
    if (tile.accumulate) sum += load_part<F32>(c, (count < kLanes ? count : kLanes) * 4);
    store_part(c, sum, count, sizeof(float));
  });
}

template <int kRows, int kVectors>
[[gnu::always_inline]] static inline void finish(const GemmTile& tile,
                                                 Sums<kRows, kVectors>& sums) {
  const auto kept = [&](int r, int v) { return tile.sum + (r * kVectors + v) * kLanes; };
  const F32 alpha = splat(tile.alpha);
  if (tile.first) {
    each<kRows, kVectors>(sums,
                          [&](F32& sum, int, int) __attribute__((always_inline)) { sum *= alpha; });
  } else {
    each<kRows, kVectors>(sums, [&](F32& sum, int r, int v) __attribute__((always_inline)) {
      sum = alpha * sum + load_bytes<F32>(kept(r, v));
    });
  }
  if (!tile.last) {
    each<kRows, kVectors>(sums, [&](F32& sum, int r, int v) __attribute__((always_inline)) {
      store_bytes(kept(r, v), sum);
    });
    return;
  }
  if (tile.bias) {
    each<kRows, kVectors>(sums, [&](F32& sum, int, int v) __attribute__((always_inline)) {
      sum += load_bytes<F32>(tile.bias + v * kLanes);
    });
  }
  if (tile.out_dtype == DType::BF16) {
    store_bf16<kRows, kVectors>(tile, sums);
  } else {
    store_f32<kRows, kVectors>(tile, sums);
  }
}

template <bool kPairs, int kRows, int kVectors>
static void micro(const GemmTile& tile) {
  Sums<kRows, kVectors> acc = {};
  const uint32_t* a = tile.a;
  const uint32_t* b = tile.b;
  // Unrolled: what is no multiply-add costs where a core is shared with another thread.
#pragma GCC unroll 4
  for (int64_t u = 0; u < tile.units; ++u) {
    U32 column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = load_bytes<U32>(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const U32 row = broadcast(a[r * kGemmPanelStride]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        acc[r][v] = multiply_add<kPairs>(acc[r][v], row, column[v]);
    }
    a += 1;
    b += kVectors * kLanes;
  }
  finish<kRows, kVectors>(tile, acc);
}

// Units of int16.
template <int kRows, int kVectors>
static void micro_fixed(const GemmTile& tile) {
  constexpr int64_t kBlockUnits = kFixedBlock / 2, kWidth = kVectors * kLanes;
  Sums<kRows, kVectors> sums = {};
  const uint32_t* a = tile.a;
  const uint32_t* b = tile.b;
  const float* b_scales = tile.b_scales;
  for (int64_t block = 0; block < tile.units / kBlockUnits; ++block) {
    I32 acc[kRows][kVectors] = {};
    for (int64_t u = 0; u < kBlockUnits; ++u) {
      U32 column[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) column[v] = load_bytes<U32>(b + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const U32 row = broadcast(a[r * kGemmPanelStride]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[r][v] = add_word_products(acc[r][v], row, column[v]);
      }
      a += 1;
      b += kWidth;
    }
    each<kRows, kVectors>(sums, [&](F32& sum, int r, int v) __attribute__((always_inline)) {
      const F32 scale =
          tile.a_scales[r * tile.a_scale_stride + block] * load_bytes<F32>(b_scales + v * kLanes);
      sum += __builtin_convertvector(acc[r][v], F32) * scale;
    });
    b_scales += kWidth;
  }
  finish<kRows, kVectors>(tile, sums);
}

template <GemmPacking kPacking, int kRows, int kVectors>
static void kernel(const GemmTile& tile) {
  if constexpr (kPacking == GemmPacking::kFixed) {
    micro_fixed<kRows, kVectors>(tile);
  } else {
    micro<kPacking == GemmPacking::kPairs, kRows, kVectors>(tile);
  }
}

template <GemmPacking kPacking, int... kIndex>
static GemmMicroKernel choose(int64_t index, std::integer_sequence<int, kIndex...>) {
  static constexpr GemmMicroKernel kernels[] = {
      kernel<kPacking, kIndex / kGemmVectors + 1, kIndex % kGemmVectors + 1>...};
  return kernels[index];
}

}  // namespace

GemmMicroKernel gemm_micro_kernel(GemmPacking packing, int64_t rows, int64_t vectors) {
  constexpr auto all = std::make_integer_sequence<int, kGemmRows * kGemmVectors>();
  const int64_t index = (rows - 1) * kGemmVectors + vectors - 1;
  if constexpr (kHasPairs) {
    if (packing == GemmPacking::kPairs) return choose<GemmPacking::kPairs>(index, all);
  }
  if constexpr (kHasWordProducts) {
    if (packing == GemmPacking::kFixed) return choose<GemmPacking::kFixed>(index, all);
  }
  return choose<GemmPacking::kFloat>(index, all);
}

}  // namespace llft::cpu::LLFT_ISA

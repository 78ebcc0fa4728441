#include "cpu/kernels/gemm_micro.h"

#include <utility>

namespace llft::cpu::LLFT_ISA {
namespace {

using F32 = GemmF32;
using U32 = GemmU32;
constexpr int kLanes = kGemmLanes;
typedef double F64 __attribute__((vector_size(8 * kLanes)));

static inline U32 broadcast(uint32_t unit) { return U32{} + unit; }

static inline void store_bf16(bf16* c, F32 value, int64_t count) {
  const GemmU16 rounded = gemm_round_bf16(value);
  if (count >= kLanes) {
    gemm_store(c, rounded);
  } else {
    memcpy(c, &rounded, static_cast<size_t>(count) * 2);
  }
}

static inline void store_f32(float* c, F32 value, int64_t count, bool accumulate) {
  if (count >= kLanes) {
    gemm_store(c, accumulate ? gemm_load<F32>(c) + value : value);
  } else {
    if (accumulate) value = gemm_load_part<F32>(c, count * 4) + value;
    memcpy(c, &value, static_cast<size_t>(count) * 4);
  }
}

template <int kRows, int kVectors>
static inline void finish(const GemmTile& tile, F32 (&acc)[kRows][kVectors]) {
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* const sum = tile.sum + (r * kVectors + v) * kLanes;
      const int64_t column = v * kLanes;
      F32 value = tile.alpha * acc[r][v];
      if (!tile.first) value += gemm_load<F32>(sum);
      if (!tile.last) {
        gemm_store(sum, value);
        continue;
      }
      if (tile.columns <= column) continue;
      if (tile.bias) value += gemm_load<F32>(tile.bias + column);
      if (tile.out_dtype == DType::BF16) {
        store_bf16(static_cast<bf16*>(tile.c) + r * tile.ldc + column, value,
                   tile.columns - column);
      } else {
        store_f32(static_cast<float*>(tile.c) + r * tile.ldc + column, value, tile.columns - column,
                  tile.accumulate);
      }
    }
  }
}

template <bool kPairs, int kRows, int kVectors>
static void micro(const GemmTile& tile) {
  F32 acc[kRows][kVectors] = {};
  const uint32_t* a = tile.a;
  const uint32_t* b = tile.b;
  for (int64_t u = 0; u < tile.units; ++u) {
    U32 column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = gemm_load<U32>(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const U32 row = broadcast(a[r * kGemmPanelStride]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        acc[r][v] = gemm_multiply_add<kPairs>(acc[r][v], row, column[v]);
    }
    a += 1;
    b += kVectors * kLanes;
  }
  finish<kRows, kVectors>(tile, acc);
}

// The same in double precision, a row at a time.
template <int kRows, int kVectors>
static void micro_double(GemmTile tile) {
  for (int r = 0; r < kRows; ++r) {
    F64 acc[kVectors] = {};
    for (int64_t u = 0; u < tile.units; ++u) {
      float a;
      memcpy(&a, tile.a + r * kGemmPanelStride + u, sizeof(a));
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const F32 b = gemm_load<F32>(tile.b + (u * kVectors + v) * kLanes);
        acc[v] += static_cast<double>(a) * __builtin_convertvector(b, F64);
      }
    }
    F32 row[1][kVectors];
    for (int v = 0; v < kVectors; ++v) row[0][v] = __builtin_convertvector(acc[v], F32);
    finish<1, kVectors>(tile, row);
    tile.sum += kVectors * kLanes;
    tile.c = static_cast<char*>(tile.c) + tile.ldc * static_cast<int64_t>(size_of(tile.out_dtype));
  }
}

template <GemmArithmetic kArithmetic, int kRows, int kVectors>
static void kernel(const GemmTile& tile) {
  if constexpr (kArithmetic == GemmArithmetic::kDouble) {
    micro_double<kRows, kVectors>(tile);
  } else {
    micro<kArithmetic == GemmArithmetic::kPairs && kGemmHasPairs, kRows, kVectors>(tile);
  }
}

template <GemmArithmetic kArithmetic, int... kIndex>
static GemmMicroKernel choose(int64_t index, std::integer_sequence<int, kIndex...>) {
  static constexpr GemmMicroKernel kernels[] = {
      kernel<kArithmetic, kIndex / kGemmVectors + 1, kIndex % kGemmVectors + 1>...};
  return kernels[index];
}

}  // namespace

GemmMicroKernel gemm_micro_kernel(GemmArithmetic arithmetic, int64_t rows, int64_t vectors) {
  constexpr auto all = std::make_integer_sequence<int, kGemmRows * kGemmVectors>();
  const int64_t index = (rows - 1) * kGemmVectors + vectors - 1;
  switch (arithmetic) {
    case GemmArithmetic::kFloat:
      break;
    case GemmArithmetic::kPairs:
      return choose<GemmArithmetic::kPairs>(index, all);
    case GemmArithmetic::kDouble:
      return choose<GemmArithmetic::kDouble>(index, all);
  }
  return choose<GemmArithmetic::kFloat>(index, all);
}

}  // namespace llft::cpu::LLFT_ISA

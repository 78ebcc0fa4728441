// Micro-kernel: a tile of at most kGemmRows x kGemmColumns of C in registers, over one block of k.
//
//   tile[r][c] = sum over units u, ascending, of a[r * kGemmPanelStride + u] * b[u * width + c]
//   sum        = alpha * tile (+ what `sum` held)          float32
//   C          = sum + bias (+ C)                          once, after the last block
//
// Of units that are int16, tile sums whole numbers over 64 of k at a time, which are scaled then.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "cpu/kernels/gemm_pack.h"
#include "cpu/simd/vec.h"

namespace llft::cpu::LLFT_ISA {

using namespace simd;

// Accumulators fill the registers: 24 of 32, or 12 of 16.
#if defined(__AVX512F__)
inline constexpr int kGemmRows = 12;
inline constexpr int kGemmVectors = 2;
#elif defined(__aarch64__)
inline constexpr int kGemmRows = 6;
inline constexpr int kGemmVectors = 4;
#else
inline constexpr int kGemmRows = 6;
inline constexpr int kGemmVectors = 2;
#endif
inline constexpr int kGemmColumns = kGemmVectors * kLanes;

// Units per block of k: a panel of A (19 KB at 12 rows, 14 KB at 6) stays in the L1 cache. It fixes
// the order of summation. The fewer rows a tile has, the more its end costs beside its block.
#if defined(__AVX512F__)
inline constexpr int64_t kGemmBlockUnits = 384;
#else
inline constexpr int64_t kGemmBlockUnits = 576;
#endif
// The pad keeps the rows of a panel in different cache sets.
inline constexpr int64_t kGemmPanelStride = kGemmBlockUnits + 16;

struct GemmTile {
  const uint32_t* a;  // packed panel of A
  const uint32_t* b;  // packed panel of B, its width = vectors * kLanes
  int64_t units;
  // Of units that are int16 (GemmPacking::kFixed), a multiple of 32 of them: what the numbers of
  // each 64 of k stand for.
  const float* a_scales;  // [row * a_scale_stride + block]
  int64_t a_scale_stride;
  const float* b_scales;  // [block][vectors * kLanes]
  float alpha;
  float* sum;  // float32 [rows][vectors * kLanes] that lives from the first block to the last
  bool first;  // sum holds nothing yet
  bool last;   // C is written
  const float* bias;  // float32 [vectors * kLanes] or null
  void* c;            // at the tile's first element
  int64_t ldc;
  int64_t columns;  // of C that exist
  DType out_dtype;
  bool accumulate;
};

// rows in [1, kGemmRows], vectors in [1, kGemmVectors].
using GemmMicroKernel = void (*)(const GemmTile& tile);
GemmMicroKernel gemm_micro_kernel(GemmPacking packing, int64_t rows, int64_t vectors);

}  // namespace llft::cpu::LLFT_ISA

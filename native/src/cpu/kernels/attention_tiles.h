// What the attention kernels are made of: copies of rows as 32-bit units, products of tiles,
// exponentials.
//
// Scores are held transposed, S^T [keys][columns]: a column is one query row of one head of a
// group, and columns lie along the lanes. So maxima, sums, masks and lse are vectors without
// reductions over lanes, and the exponentials come out in the layout that the next product reads. A
// unit is a float, or a pair of bfloat16 of two neighbouring k of a product (as in gemm_pack.h).
#pragma once

#include <type_traits>
#include <vector>

#include "core/kernels/attention.h"
#include "cpu/kernels/scratch.h"
#include "cpu/simd/vec.h"

namespace llft::cpu::LLFT_ISA {

using simd::F32;
using simd::I32;
using simd::kLanes;
using simd::U16;
using simd::U32;

// Accumulators of a product: rows x vectors fill the registers, 24 of 32 or 12 of 16.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int64_t kTileRows = 8;
#else
inline constexpr int64_t kTileRows = 4;
#endif
inline constexpr int64_t kTileVectors = 3;
inline constexpr int64_t kPanelColumns = kTileVectors * kLanes;

inline constexpr int64_t kAttentionKeyBlock = 64;  // a multiple of kKeyGroup
inline constexpr int64_t kKeyGroup =
    8;  // keys are skipped in whole groups; a multiple of kTileRows

static inline int64_t round_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }
static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// Queries per block: about 192 columns, which amortise the packing of keys.
static inline int64_t attention_query_block(int64_t group) {
  return most(16, 192 / group / 16 * 16);
}

// ---- units --------------------------------------------------------------------------------------
struct FloatUnits {
  using T = float;
  static constexpr int64_t kPer = 1;  // elements along k in a unit
  static constexpr bool kPairs = false;
};
struct WidenedUnits {
  using T = bf16;
  static constexpr int64_t kPer = 1;
  static constexpr bool kPairs = false;
};
struct PairUnits {
  using T = bf16;
  static constexpr int64_t kPer = 2;
  static constexpr bool kPairs = true;
};

// Calls body(Units{}) for the units that bfloat16 or float32 rows become in this instruction set.
template <class Body>
static inline void with_units(DType dtype, const Body& body) {
  if (dtype == DType::F32) return body(FloatUnits{});
#if defined(__AVX512BF16__)
  body(PairUnits{});
#else
  body(WidenedUnits{});
#endif
}

// dst[0, units of n) = the row's units along k, zeros up to `stride` (a multiple of kLanes).
template <class Units>
static inline void row_units(const typename Units::T* row, int64_t n, int64_t stride,
                             uint32_t* dst) {
  if constexpr (Units::kPairs) {
    for (int64_t i = 0; i < stride; i += kLanes) {
      const int64_t left = n - 2 * i;
      U32 pairs = {};
      if (left >= 2 * kLanes) {
        pairs = simd::load_bytes<U32>(row + 2 * i);
      } else if (left > 0) {
        memcpy(&pairs, row + 2 * i, static_cast<size_t>(left) * 2);
      }
      simd::store(dst + i, pairs);
    }
  } else {
    for (int64_t i = 0; i < stride; i += kLanes) {
      const F32 x = simd::load_n(row + i, most(0, least(kLanes, n - i)));
      simd::store(dst + i, simd::bit_cast<U32>(x));
    }
  }
}

// dst[i] = the unit of element i of kPer rows that follow each other along k; the second row may be
// null (zeros).
template <class Units>
static inline void across_units(const typename Units::T* first, const typename Units::T* second,
                                int64_t n, int64_t stride, uint32_t* dst) {
  if constexpr (Units::kPairs) {
    int64_t i = 0;
    if (second) {
      for (; i < n; ++i) dst[i] = first[i].bits | static_cast<uint32_t>(second[i].bits) << 16;
    } else {
      for (; i < n; ++i) dst[i] = first[i].bits;
    }
    for (; i < stride; ++i) dst[i] = 0;
  } else {
    row_units<Units>(first, n, stride, dst);
  }
}

// dst[c][r] = src[r][c].
void transpose_units(const uint32_t* src, int64_t src_stride, int64_t rows, int64_t columns,
                     uint32_t* dst, int64_t dst_stride);

// dst[i] = row(i)'s units along k for i < count, zeros up to `rows`; each `stride` units long.
template <class Units, class RowOf>
static inline void load_rows(const RowOf& row, int64_t count, int64_t rows, int64_t n,
                             int64_t stride, uint32_t* dst) {
  for (int64_t i = 0; i < count; ++i) row_units<Units>(row(i), n, stride, dst + i * stride);
  memset(dst + count * stride, 0, static_cast<size_t>((rows - count) * stride) * 4);
}

// dst[i / kPer] = the units of row(i) across kPer rows, as above.
template <class Units, class RowOf>
static inline void load_across(const RowOf& row, int64_t count, int64_t rows, int64_t n,
                               int64_t stride, uint32_t* dst) {
  constexpr int64_t kPer = Units::kPer;
  for (int64_t i = 0; i < rows; i += kPer, dst += stride) {
    if (i < count) {
      across_units<Units>(row(i), kPer == 2 && i + 1 < count ? row(i + 1) : nullptr, n, stride,
                          dst);
    } else {
      memset(dst, 0, static_cast<size_t>(stride) * 4);
    }
  }
}

// ---- products -----------------------------------------------------------------------------------
enum class TileStore { kSet, kAdd, kScaleAdd };

// c[r][j] = (kScaleAdd: factor[j] * c[r][j]; kAdd: c[r][j]; kSet: 0) + sum over units u, ascending,
// of a[r][u] * b[u][j].
struct TileProduct {
  const uint32_t* a;
  int64_t a_stride;
  const uint32_t* b;
  int64_t b_stride;
  int64_t units;
  float* c;
  int64_t c_stride;
  int64_t rows;     // a multiple of kTileRows
  int64_t vectors;  // columns / kLanes
  const float* factor = nullptr;
};
void tile_product(bool pairs, TileStore store, const TileProduct& product);

// ---- functions ----------------------------------------------------------------------------------
inline constexpr float kLog2E = 1.44269504f;
inline constexpr float kLn2 = 0.693147181f;
inline constexpr float kLowest =
    -1e30f;  // of masked scores: finite, so that differences of it are no NaN

// 2^x, relative error at most 3 u for x in [-126, 127]; at most 2^-126 below; NaN at NaN. 2^r is a
// polynomial of degree 5 in r = x - n, fitted to the smallest relative error (9e-8) with 2^0 = 1
// exactly.
static inline F32 exp2(F32 x) {
#if defined(__AVX512DQ__)
  constexpr __mmask16 kAllLanes = 0xffff;
  const F32 r = (F32)_mm512_maskz_reduce_ps(kAllLanes, (__m512)x, 1);  // x - floor(x)
  F32 p = simd::splat(0.0018671445f);
  p = simd::fma(p, r, simd::splat(0.0090170000f));
  p = simd::fma(p, r, simd::splat(0.0557999350f));
  p = simd::fma(p, r, simd::splat(0.2401644438f));
  p = simd::fma(p, r, simd::splat(0.6931512952f));
  p = simd::fma(p, r, simd::splat(1.0f));
  return (F32)_mm512_maskz_scalef_ps(kAllLanes, (__m512)p, (__m512)x);
#else
  const F32 clamped = simd::max(simd::splat(-126.0f), x);
  const F32 shifter = simd::splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const F32 shifted = clamped + shifter;
  const F32 r = clamped - (shifted - shifter);
  F32 p = simd::splat(0.0013264735f);
  p = simd::fma(p, r, simd::splat(0.0096715176f));
  p = simd::fma(p, r, simd::splat(0.0555073395f));
  p = simd::fma(p, r, simd::splat(0.2402224243f));
  p = simd::fma(p, r, simd::splat(0.6931470037f));
  p = simd::fma(p, r, simd::splat(1.0f));
  // Unsigned: a score that is masked afterwards may be any number.
  const U32 n = simd::bit_cast<U32>(shifted) - simd::bit_cast<U32>(shifter);
  return simd::bit_cast<F32>(simd::bit_cast<U32>(p) + (n << 23));
#endif
}

// Natural logarithm of normal x > 0, error at most 2 u relative or absolute; NaN at NaN and inf.
// ln(2^n y) = n ln 2 + 2 artanh(t), t = (y - 1) / (y + 1), y in [sqrt(1/2), sqrt(2)): t^11 / 11 is
// below 1e-9 of it.
static inline F32 log(F32 x) {
  const I32 bits = simd::bit_cast<I32>(x);
  const I32 n = (bits - 0x3f3504f3) >> 23;
  const F32 y = simd::bit_cast<F32>(bits - (n << 23));
  const F32 t = (y - 1.0f) / (y + 1.0f);
  const F32 t2 = t * t;
  F32 p = simd::splat(2.0f / 9);
  p = simd::fma(p, t2, simd::splat(2.0f / 7));
  p = simd::fma(p, t2, simd::splat(2.0f / 5));
  p = simd::fma(p, t2, simd::splat(2.0f / 3));
  p = simd::fma(p, t2, simd::splat(2.0f));
  return simd::fma(simd::to_f32(n), simd::splat(kLn2), p * t) + (x - x);
}

// Units of two vectors of elements that follow each other along k (kPer 2).
#if defined(__AVX512BF16__)
struct PairVectors {
  U32 rows;    // lanes of `first` as 8 units, then those of `second`
  U32 across;  // unit i = (first[i], second[i])
};
static inline PairVectors round_pairs(F32 first, F32 second) {
  const __m512i rows = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return {simd::bit_cast<U32>(rows),
          simd::bit_cast<U32>(_mm512_maskz_permutexvar_epi16(0xffffffff, order, rows))};
}
#endif

// ---- work ---------------------------------------------------------------------------------------
// Sizes that follow from a shape and the units.
struct TileSizes {
  int64_t group;        // query heads per key/value head
  int64_t query_block;  // queries
  int64_t columns;      // query_block * group, in whole vectors
  int64_t wide;         // Dh in whole vectors: row stride of units along Dh
  int64_t units;        // along Dh
  int64_t rows;         // Dh in whole tiles of rows
  int64_t key_units;    // of a key block
  TileSizes(const AttentionShape& shape, int64_t per)
      : group(shape.heads / shape.kv_heads),
        query_block(attention_query_block(group)),
        columns(round_up(query_block * group, kLanes)),
        wide(round_up(shape.head_dim, kLanes)),
        units((shape.head_dim + per - 1) / per),
        rows(round_up(shape.head_dim, kTileRows)),
        key_units(kAttentionKeyBlock / per) {}
};

// t[d][u] = across[u][d] for the units u of a block of keys; zeros fill the last tile of rows.
static inline void transpose_keys(const TileSizes& sizes, const uint32_t* across, int64_t units,
                                  uint32_t* t) {
  const int64_t columns = least(sizes.rows, sizes.wide);
  transpose_units(across, sizes.wide, units, columns, t, sizes.key_units);
  memset(t + columns * sizes.key_units, 0,
         static_cast<size_t>((sizes.rows - columns) * sizes.key_units) * 4);
}

// A block of queries of one segment and key/value head. Column c is query c / group, head c %
// group.
struct QueryBlock {
  int64_t first;     // query of the segment
  int64_t count;     // queries
  int64_t columns;   // in whole vectors
  int64_t position;  // of the first query among the keys
};
static inline QueryBlock query_block_at(const AttentionSegment& segment, const TileSizes& sizes,
                                        int64_t index) {
  const int64_t first = index * sizes.query_block;
  const int64_t count = least(sizes.query_block, segment.query_count - first);
  return {first, count, round_up(count * sizes.group, kLanes),
          segment.key_count - segment.query_count + first};
}

// Keys of the block at `first` that columns [begin, end) can see, in whole groups: [low, high)
// relative to `first`.
struct KeyRange {
  int64_t low;
  int64_t high;
};
static inline KeyRange visible_keys(const QueryBlock& block, int64_t group, int64_t window,
                                    int64_t begin, int64_t end, int64_t first) {
  const int64_t lowest = block.position + least(begin / group, block.count - 1);
  const int64_t highest = block.position + least((end - 1) / group, block.count - 1);
  const int64_t low = window > 0 ? lowest - window + 1 - first : 0;
  const int64_t high = least(highest + 1 - first, kAttentionKeyBlock);
  return {most(low, 0) / kKeyGroup * kKeyGroup, round_up(most(high, 0), kKeyGroup)};
}
// Whether some key of the range is hidden from some of the columns.
static inline bool needs_mask(const QueryBlock& block, int64_t group, int64_t window, int64_t begin,
                              int64_t end, int64_t first, KeyRange keys) {
  const int64_t lowest = block.position + least(begin / group, block.count - 1);
  const int64_t highest = block.position + least((end - 1) / group, block.count - 1);
  return first + keys.high - 1 > lowest || (window > 0 && first + keys.low <= highest - window);
}

static inline I32 visible(I32 positions, int64_t key, int64_t window) {
  const I32 causal = positions >= static_cast<int32_t>(key);
  if (window == 0) return causal;
  return causal & (positions < static_cast<int32_t>(least(key + window, INT32_MAX)));
}

// Zeroes the rows [0, rows) of a matrix that lie in none of the ranges (start, count), which do not
// overlap.
void clear_uncovered(void* data, size_t row_bytes, int64_t rows,
                     std::vector<std::pair<int64_t, int64_t>> ranges);

}  // namespace llft::cpu::LLFT_ISA

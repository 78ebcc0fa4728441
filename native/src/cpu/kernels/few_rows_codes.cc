// Formulas, layouts and error bounds: few_rows_codes.h.
#include "cpu/kernels/few_rows_codes.h"

#include <cstring>

#if LLFT_HAS_CODE_LANES
#include "cpu/kernels/code_scales.h"
#endif

namespace llft::cpu::LLFT_ISA {

#if !LLFT_HAS_CODE_LANES

bool multiplies_codes(const QuantizedData&, DType) { return false; }
void add_code_products(const GemmSegment&, const FixedPointRows&, int64_t, int64_t, int64_t,
                       int64_t, float*) {}

#else

namespace {

constexpr int64_t kGroupBlocks = kCodeGroup / kCodeBlock;
constexpr int64_t kScaleRun = 64;  // blocks whose scales are computed at once
constexpr int64_t kAhead = 1024;   // bytes: the hardware's own prefetch stops at pages

// Totals of kRows rows of x and kColumns rows of W.
template <int kRows, int kColumns>
using Sums = GemmF32[kRows][kColumns];

// kVectors vectors of codes times as many numbers of x, scaled.
template <int kVectors>
static inline GemmF32 scaled_product(const CodeVector* words, const int16_t* values,
                                     GemmF32 scale) {
  CodeVector sum = {};
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    sum = add_words(sum, words[v], gemm_load<CodeVector>(values + kWords * v));
  }
  return __builtin_convertvector((GemmI32)sum, GemmF32) * scale;
}

// A group of column `c`, `codes` being its bytes.
template <int kRows, int kColumns>
static inline void add_group(const CodeLookUp& look_up, const uint8_t* codes,
                             const FixedPointRows& x, int64_t i, int64_t group, GemmF32 scale,
                             int c, Sums<kRows, kColumns>& sums) {
  CodeVector words[4];
  look_up.words(codes, words);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const float* of_lanes = x.scales(i + r) + group * kGroupBlocks * kScaleLanes;
    const int16_t* values = x.values(i + r) + group * kCodeGroup;
    sums[r][c] += scaled_product<4>(words, values, gemm_load<GemmF32>(of_lanes)) * scale;
  }
}

// The blocks of 64 codes from `first` on, `count` <= kScaleRun of them.
template <int kRows, int kColumns>
static inline void add_run(const QuantizedData& q, const CodeLookUp& look_up,
                           const FixedPointRows& x, int64_t i, int64_t j, int64_t first,
                           int64_t count, Sums<kRows, kColumns>& sums) {
  alignas(64) float scales[kColumns][kScaleRun];
  // Fetched in the order of the addresses, in which rows side by side are not read: so far ahead
  // that the second row is there in time.
  const uint8_t* ahead = q.codes + j * q.columns / 2 + q.columns / 2 + kAhead;
  const uint8_t* codes[kColumns];
  for (int c = 0; c < kColumns; ++c) {
    const int64_t element = (j + c) * q.columns + first * kCodeBlock;
    codes[c] = q.codes + element / 2;
    load_scales(q, element, count, 1 / kCodebookScale, scales[c]);
  }
  int64_t b = 0;
  for (; b + kGroupBlocks <= count; b += kGroupBlocks) {
    const int64_t group = (first + b) / kGroupBlocks;
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      prefetch_codes(ahead + (group * kColumns + c) * kCodeGroup / 2);
      add_group<kRows, kColumns>(look_up, codes[c] + b * kCodeBlock / 2, x, i, group,
                                 scale_of_group(scales[c] + b), c, sums);
    }
  }
  if (b == count) return;
  for (int c = 0; c < kColumns; ++c) {
    uint8_t half[kCodeGroup / 2] = {};
    memcpy(half, codes[c] + b * kCodeBlock / 2, kCodeBlock / 2);
    add_group<kRows, kColumns>(look_up, half, x, i, (first + b) / kGroupBlocks,
                               GemmF32{} + scales[c][b], c, sums);
  }
}

template <int kRows, int kColumns>
static void multiply_four_bit(const QuantizedData& q, const FixedPointRows& x, int64_t i, int64_t j,
                              Sums<kRows, kColumns>& sums) {
  const CodeLookUp look_up(q.format);
  const int64_t blocks = q.columns / kCodeBlock;
  for (int64_t run = 0; run < blocks; run += kScaleRun) {
    const int64_t count = run + kScaleRun < blocks ? kScaleRun : blocks - run;
    add_run<kRows, kColumns>(q, look_up, x, i, j, run, count, sums);
  }
}

// 64 int8 codes of column `c`.
template <int kRows, int kColumns>
static inline void add_int8_block(const uint8_t* codes, const FixedPointRows& x, int64_t i,
                                  int64_t block, int c, Sums<kRows, kColumns>& sums) {
  constexpr int kVectors = kCodeBlock / kWords;
  CodeVector words[kVectors];
  words_of_int8(codes, words);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const int16_t* values = x.values(i + r) + block * kCodeBlock;
    const GemmF32 scale = GemmF32{} + x.scales(i + r)[block];
    sums[r][c] += scaled_product<kVectors>(words, values, scale);
  }
}

template <int kRows, int kColumns>
static void multiply_int8(const QuantizedData& q, const FixedPointRows& x, int64_t i, int64_t j,
                          Sums<kRows, kColumns>& sums) {
  const uint8_t* codes = q.codes + j * q.columns;
  const int64_t blocks = q.columns / kCodeBlock, left = q.columns % kCodeBlock;
  for (int64_t b = 0; b < blocks; ++b) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      const uint8_t* p = codes + c * q.columns + b * kCodeBlock;
      prefetch_codes(p + 2 * kAhead);
      add_int8_block<kRows, kColumns>(p, x, i, b, c, sums);
    }
  }
  for (int c = 0; c < kColumns && left > 0; ++c) {
    uint8_t part[kCodeBlock] = {};
    memcpy(part, codes + c * q.columns + blocks * kCodeBlock, static_cast<size_t>(left));
    add_int8_block<kRows, kColumns>(part, x, i, blocks, c, sums);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) sums[r][c] *= q.absmax[j + c];
  }
}

template <int kRows, int kColumns>
static void add_products(const GemmSegment& segment, const FixedPointRows& x, int64_t i, int64_t j,
                         float* totals) {
  const QuantizedData& q = segment.quantized;
  Sums<kRows, kColumns> sums = {};
  if (is_four_bit(q)) {
    multiply_four_bit<kRows, kColumns>(q, x, i, j, sums);
  } else {
    multiply_int8<kRows, kColumns>(q, x, i, j, sums);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      totals[r * kFewColumns + c] += segment.alpha * gemm_sum_lanes(sums[r][c]);
    }
  }
}

template <int kColumns>
static void add_rows(const GemmSegment& segment, const FixedPointRows& x, int64_t i, int64_t m,
                     int64_t j, float* totals) {
  if (m == 1) return add_products<1, kColumns>(segment, x, i, j, totals);
  if (m == 2) return add_products<2, kColumns>(segment, x, i, j, totals);
  if (m == 3) return add_products<3, kColumns>(segment, x, i, j, totals);
  add_products<4, kColumns>(segment, x, i, j, totals);
}

}  // namespace

bool multiplies_codes(const QuantizedData& q, DType dtype) {
  if (dtype != DType::BF16) return false;
  const int64_t block = int64_t{1} << q.block_shift;
  return !is_four_bit(q) || (block >= kCodeBlock && q.columns % block == 0);
}

void add_code_products(const GemmSegment& segment, const FixedPointRows& x, int64_t i, int64_t m,
                       int64_t j, int64_t count, float* sums) {
  // Side by side they share the loads of x. One after the other they are a single run of memory,
  // which is the faster where there is little else to do.
  const bool is_run = !is_four_bit(segment.quantized) && m == 1;
  for (int64_t c = 0; c < count;) {
    const bool pair = !is_run && c + 2 <= count;
    if (pair) {
      add_rows<2>(segment, x, i, m, j + c, sums + c);
    } else {
      add_rows<1>(segment, x, i, m, j + c, sums + c);
    }
    c += pair ? 2 : 1;
  }
}
#endif

}  // namespace llft::cpu::LLFT_ISA

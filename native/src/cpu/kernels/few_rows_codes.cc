// Formulas, layouts and error bounds: few_rows_codes.h.
#include "cpu/kernels/few_rows_codes.h"

#if LLFT_HAS_FEW_ROWS_CODES
#include <immintrin.h>

#include <cmath>
#include <cstring>
#include <new>

#include "cpu/kernels/expand_quantized.h"
#endif

namespace llft::cpu::LLFT_ISA {

#if !LLFT_HAS_FEW_ROWS_CODES

bool multiplies_codes(const QuantizedData&, DType) { return false; }
FixedPointRows::FixedPointRows(const GemmSegment&, int64_t) {}
void add_code_products(const GemmSegment&, const FixedPointRows&, int64_t, int64_t, int64_t,
                       int64_t, float (*)[kFewColumns]) {}

#else

namespace {

constexpr int64_t kBlock = 64;   // values of x that share a scale
constexpr int64_t kGroup = 128;  // 4-bit codes in a vector of 64 bytes
constexpr int64_t kScaleRun = 16;
constexpr int64_t kMaxRows = 4;
// Eight products of a lane, each of two numbers below 2^14, fit int32.
constexpr int kLargest = 13;  // exponent of the largest |x| of a block
constexpr float kCodebookScale = 16383.0f;
constexpr int64_t kAhead = 2048;  // bytes: the hardware's own prefetch stops at pages

static inline bool is_four_bit(const QuantizedData& q) { return q.format != QuantFormat::INT8; }

static inline __m512i add_dot(__m512i sum, __m512i a, __m512i b) {
#if defined(__AVX512VNNI__)
  return _mm512_dpwssd_epi32(sum, a, b);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

static inline __m512 scaled(__m512i sum, __m512 scale) {
  return _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
}

// Largest magnitude of 64 bfloat16, as the exponent bits of a float32.
static inline uint32_t exponent_of(const uint16_t* x, int64_t count) {
  uint16_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint16_t magnitude = x[i] & 0x7fff;
    if (magnitude > largest) largest = magnitude;
  }
  return largest >> 7;
}

static inline float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// 64 values of x or fewer to whole numbers; returns what one of them stands for.
static float to_fixed_point(const uint16_t* x, int64_t count, int16_t* out) {
  constexpr uint32_t kBias = 127, kInfinite = 255;
  const uint32_t exponent = exponent_of(x, count);
  memset(out, 0, kBlock * sizeof(int16_t));
  if (exponent == kInfinite) return NAN;
  if (exponent <= kLargest) return 0;  // below 2^-113
  const float factor = float_of((2 * kBias + kLargest - exponent) << 23);
  for (int64_t i = 0; i < count; ++i) {
    const float value = float_of(static_cast<uint32_t>(x[i]) << 16);
    out[i] = static_cast<int16_t>(__builtin_rintf(value * factor));
  }
  return float_of((exponent - kLargest) << 23);
}

// A word of two bytes holds the codes of elements 4l + 1, 4l, 4l + 3 and 4l + 2 from its lowest
// bits on. Vector q gets the elements of those codes that a shift by 4 q brings lowest.
static void order_as_codes(int16_t* group) {
  static constexpr int kElement[4] = {1, 0, 3, 2};
  constexpr __mmask32 kUpper = 0xffff0000;
  alignas(64) int16_t every_fourth[32];
  for (int l = 0; l < 32; ++l) every_fourth[l] = static_cast<int16_t>(4 * (l % 16));
  __m512i values[4];
  for (int v = 0; v < 4; ++v) values[v] = _mm512_loadu_si512(group + 32 * v);
  for (int q = 0; q < 4; ++q) {
    const __m512i at = _mm512_add_epi16(_mm512_load_si512(every_fourth),
                                        _mm512_set1_epi16(static_cast<int16_t>(kElement[q])));
    const __m512i lower = _mm512_permutex2var_epi16(values[0], at, values[1]);
    const __m512i upper = _mm512_permutex2var_epi16(values[2], at, values[3]);
    _mm512_storeu_si512(group + 32 * q, _mm512_mask_blend_epi16(kUpper, lower, upper));
  }
}

// The codebook as whole numbers, twice: a look-up takes five bits, of which the highest is a
// neighbour's.
struct Table {
  alignas(64) int16_t entries[32];

  constexpr explicit Table(const float* codebook) : entries() {
    for (int i = 0; i < 32; ++i) {
      const float value = codebook[i % 16] * kCodebookScale;
      entries[i] = static_cast<int16_t>(value < 0 ? value - 0.5f : value + 0.5f);
    }
  }
};
constexpr Table kNf4Table(kNf4Values);
constexpr Table kFp4Table(kFp4Values);

// Doubly quantised absmax of the blocks from `first` on, as in expand_quantized.h.
static inline __m512 nested_absmax(const QuantizedData& q, int64_t first, __mmask16 lanes) {
  const __m512 zero = _mm512_setzero_ps();
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i code = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, q.absmax_codes + first));
  const __m512i outer = _mm512_srli_epi32(
      _mm512_add_epi32(lane, _mm512_set1_epi32(static_cast<int>(first % kNestedBlock))),
      __builtin_ctz(kNestedBlock));
  __m512 product = _mm512_mul_ps(
      _mm512_mask_i32gather_ps(zero, lanes, code, q.map->values, 4),
      _mm512_mask_i32gather_ps(zero, lanes, outer, q.nested_absmax + first / kNestedBlock, 4));
  __asm__("" : "+v"(product));  // rounded before the sum
  return _mm512_add_ps(product, _mm512_set1_ps(*q.offset));
}

// Scales of `count` <= kScaleRun times 64 codes from element `first` on, zeros behind them.
static inline __m512 load_scales(const QuantizedData& q, int64_t first, int64_t count) {
  const __m512 unit = _mm512_set1_ps(1 / kCodebookScale);
  const int64_t block = first / kBlock;
  const auto lanes = static_cast<__mmask16>((1u << count) - 1);
  __m512 absmax;
  if ((int64_t{1} << q.block_shift) != kBlock) {
    float values[kScaleRun] = {};
    for (int64_t i = 0; i < count; ++i)
      values[i] = absmax_of(q, (block + i) >> (q.block_shift - 6));
    absmax = _mm512_loadu_ps(values);
  } else if (q.absmax) {
    absmax = _mm512_maskz_loadu_ps(lanes, q.absmax + block);
  } else {
    absmax = _mm512_maskz_mov_ps(lanes, nested_absmax(q, block, lanes));
  }
  return _mm512_mul_ps(absmax, unit);
}

// Totals of kRows rows of x and kColumns rows of W.
template <int kRows, int kColumns>
struct Sums {
  __m512 lanes[kRows][kColumns];

  Sums() {
    for (auto& row : lanes) {
      for (__m512& sum : row) sum = _mm512_setzero_ps();
    }
  }
};

// 128 codes of column `c`.
template <int kRows, int kColumns>
static inline void add_group(__m512i codes, __m512i table, const FixedPointRows& x, int64_t i,
                             int64_t group, __m512 scale, int c, Sums<kRows, kColumns>& sums) {
  const __m512i words[4] = {
      _mm512_permutexvar_epi16(codes, table),
      _mm512_permutexvar_epi16(_mm512_srli_epi32(codes, 4), table),
      _mm512_permutexvar_epi16(_mm512_srli_epi32(codes, 8), table),
      _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 12), table),
  };
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const int16_t* values = x.values(i + r) + group * kGroup;
    __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sum = add_dot(sum, words[q], _mm512_load_si512(values + 32 * q));
    const __m512 part = scaled(sum, _mm512_load_ps(x.scales(i + r) + group * 16));
    sums.lanes[r][c] = _mm512_fmadd_ps(part, scale, sums.lanes[r][c]);
  }
}

// 64 bytes of codes, or the 32 that are left of a row.
static inline __m512i load_codes(const uint8_t* p, bool whole) {
  _mm_prefetch(reinterpret_cast<const char*>(p) + kAhead, _MM_HINT_T0);
  if (whole) return _mm512_loadu_si512(p);
  return _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

template <int kRows, int kColumns>
static void multiply_four_bit(const QuantizedData& q, const FixedPointRows& x, int64_t i, int64_t j,
                              Sums<kRows, kColumns>& sums) {
  const __m512i table =
      _mm512_load_si512(q.format == QuantFormat::FP4 ? kFp4Table.entries : kNf4Table.entries);
  // The lower half of the lanes sums the first 64 of a group.
  const __m512i halves = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const uint8_t* codes = q.codes + j * q.columns / 2;
  const int64_t blocks = q.columns / kBlock;
  for (int64_t run = 0; run < blocks; run += kScaleRun) {
    const int64_t end = run + kScaleRun < blocks ? run + kScaleRun : blocks;
    __m512 scales[kColumns];
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      scales[c] = load_scales(q, (j + c) * q.columns + run * kBlock, end - run);
    }
    for (int64_t b = run; b < end; b += 2) {
      const __m512i at = _mm512_add_epi32(halves, _mm512_set1_epi32(static_cast<int>(b - run)));
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) {
        const uint8_t* p = codes + (c * blocks + b) * kBlock / 2;
        add_group(load_codes(p, b + 1 < end), table, x, i, b / 2,
                  _mm512_permutexvar_ps(at, scales[c]), c, sums);
      }
    }
  }
}

template <int kRows, int kColumns>
static void multiply_int8(const QuantizedData& q, const FixedPointRows& x, int64_t i, int64_t j,
                          Sums<kRows, kColumns>& sums) {
  const uint8_t* codes = q.codes + j * q.columns;
  for (int64_t k = 0; k < q.columns; k += kBlock) {
    const int64_t left = q.columns - k;
    const __mmask64 bytes = left >= kBlock ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      const uint8_t* p = codes + c * q.columns + k;
      _mm_prefetch(reinterpret_cast<const char*>(p) + kAhead, _MM_HINT_T0);
      const __m512i both = _mm512_maskz_loadu_epi8(bytes, p);
      const __m512i first = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(both));
      const __m512i second = _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(both, 1));
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const int16_t* values = x.values(i + r) + k;
        __m512i sum = add_dot(_mm512_setzero_si512(), first, _mm512_load_si512(values));
        sum = add_dot(sum, second, _mm512_load_si512(values + 32));
        const __m512 scale = _mm512_set1_ps(x.scales(i + r)[k / kBlock]);
        sums.lanes[r][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, sums.lanes[r][c]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      sums.lanes[r][c] = _mm512_mul_ps(sums.lanes[r][c], _mm512_set1_ps(q.absmax[j + c]));
    }
  }
}

template <int kRows, int kColumns>
static void add_products(const GemmSegment& segment, const FixedPointRows& x, int64_t i, int64_t j,
                         float** totals) {
  const QuantizedData& q = segment.quantized;
  Sums<kRows, kColumns> sums;
  if (is_four_bit(q)) {
    multiply_four_bit(q, x, i, j, sums);
  } else {
    multiply_int8(q, x, i, j, sums);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      totals[r][c] += segment.alpha * _mm512_reduce_add_ps(sums.lanes[r][c]);
    }
  }
}

template <int kColumns>
static void add_rows(const GemmSegment& segment, const FixedPointRows& x, int64_t i, int64_t m,
                     int64_t j, float** totals) {
  if (m == 1) return add_products<1, kColumns>(segment, x, i, j, totals);
  if (m == 2) return add_products<2, kColumns>(segment, x, i, j, totals);
  if (m == 3) return add_products<3, kColumns>(segment, x, i, j, totals);
  add_products<4, kColumns>(segment, x, i, j, totals);
}

}  // namespace

bool multiplies_codes(const QuantizedData& q, DType dtype) {
  if (dtype != DType::BF16) return false;
  const int64_t block = int64_t{1} << q.block_shift;
  return !is_four_bit(q) || (block >= kBlock && q.columns % block == 0);
}

FixedPointRows::FixedPointRows(const GemmSegment& segment, int64_t m) {
  const bool four_bit = is_four_bit(segment.quantized);
  const int64_t groups = (segment.k + kGroup - 1) / kGroup;
  padded_ = groups * kGroup;
  scales_per_row_ = four_bit ? groups * 16 : groups * 2;
  const auto line = [](int64_t bytes) { return static_cast<size_t>((bytes + 63) / 64 * 64); };
  const size_t value_bytes = line(m * padded_ * 2);
  memory_.reset(
      static_cast<char*>(std::aligned_alloc(64, value_bytes + line(m * scales_per_row_ * 4))));
  if (!memory_) throw std::bad_alloc();
  values_ = reinterpret_cast<int16_t*>(memory_.get());
  scales_ = reinterpret_cast<float*>(memory_.get() + value_bytes);
  for (int64_t row = 0; row < m; ++row) {
    const auto* x = static_cast<const uint16_t*>(segment.a) + row * segment.lda;
    int16_t* values = values_ + row * padded_;
    float* scales = scales_ + row * scales_per_row_;
    for (int64_t b = 0; b < groups * 2; ++b) {
      const int64_t left = segment.k - b * kBlock;
      const int64_t count = left < 0 ? 0 : left < kBlock ? left : kBlock;
      const float scale = to_fixed_point(x + b * kBlock, count, values + b * kBlock);
      if (four_bit) {
        for (int lane = 0; lane < 8; ++lane) scales[b * 8 + lane] = scale;
      } else {
        scales[b] = scale;
      }
    }
    if (!four_bit) continue;
    for (int64_t g = 0; g < groups; ++g) order_as_codes(values + g * kGroup);
  }
}

void add_code_products(const GemmSegment& segment, const FixedPointRows& x, int64_t i, int64_t m,
                       int64_t j, int64_t count, float (*sums)[kFewColumns]) {
  // Two rows of W share the loads of x. One after the other they are a single run of memory, which
  // is the faster where there is little else to do.
  const bool pairs = is_four_bit(segment.quantized) || m > 1;
  for (int64_t c = 0; c < count;) {
    const bool pair = pairs && c + 2 <= count;
    float* totals[kMaxRows];
    for (int64_t r = 0; r < m; ++r) totals[r] = sums[r] + c;
    if (pair) {
      add_rows<2>(segment, x, i, m, j + c, totals);
    } else {
      add_rows<1>(segment, x, i, m, j + c, totals);
    }
    c += pair ? 2 : 1;
  }
}
#endif

}  // namespace llft::cpu::LLFT_ISA

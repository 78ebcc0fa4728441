// Formulas, layouts and error bounds: few_rows_codes.h.
#include "cpu/kernels/few_rows_codes.h"

#if LLFT_HAS_FEW_ROWS_CODES
#include "cpu/kernels/code_scales.h"
#endif

namespace llft::cpu::LLFT_ISA {

#if !LLFT_HAS_FEW_ROWS_CODES

bool multiplies_codes(const QuantizedData&, DType) { return false; }
void add_code_products(const GemmSegment&, const FixedPointRows&, int64_t, int64_t, int64_t,
                       int64_t, float*) {}

#else

namespace {

constexpr int64_t kScaleRun = 64;  // blocks whose scales are computed at once
// Eight products of a lane, each of two numbers below 2^14, fit int32.
constexpr float kCodebookScale = 16383.0f;
constexpr int64_t kAhead = 1024;  // bytes: the hardware's own prefetch stops at pages

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
    const int16_t* values = x.values(i + r) + group * kCodeGroup;
    __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sum = add_dot(sum, words[q], _mm512_load_si512(values + 32 * q));
    const __m512 part = scaled(sum, _mm512_load_ps(x.scales(i + r) + group * 16));
    sums.lanes[r][c] = _mm512_fmadd_ps(part, scale, sums.lanes[r][c]);
  }
}

static inline void prefetch(const uint8_t* codes) {
  _mm_prefetch(reinterpret_cast<const char*>(codes), _MM_HINT_T0);
}

// The blocks of 64 codes from `first` on, `count` <= kScaleRun of them.
template <int kRows, int kColumns>
static inline void add_run(const QuantizedData& q, const FixedPointRows& x, int64_t i, int64_t j,
                           int64_t first, int64_t count, __m512i table,
                           Sums<kRows, kColumns>& sums) {
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
  // The lower half of the lanes sums the first 64 of a group.
  __m512i halves = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  for (int64_t b = 0; b + 1 < count; b += 2) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      const uint8_t* p = codes[c] + b * kCodeBlock / 2;
      prefetch(ahead + ((first + b) / 2 * kColumns + c) * kCodeGroup / 2);
      // The look-up takes an index modulo 16.
      const __m512 scale = _mm512_permutexvar_ps(halves, _mm512_load_ps(scales[c] + (b & ~15)));
      add_group(_mm512_loadu_si512(p), table, x, i, (first + b) / 2, scale, c, sums);
    }
    halves = _mm512_add_epi32(halves, _mm512_set1_epi32(2));
  }
  if (count % 2 == 0) return;
  for (int c = 0; c < kColumns; ++c) {
    const uint8_t* p = codes[c] + (count - 1) * kCodeBlock / 2;
    const __m512i half = _mm512_maskz_loadu_epi8(0xffffffff, p);
    const __m512 scale = _mm512_set1_ps(scales[c][count - 1]);
    add_group(half, table, x, i, (first + count) / 2, scale, c, sums);
  }
}

template <int kRows, int kColumns>
static void multiply_four_bit(const QuantizedData& q, const FixedPointRows& x, int64_t i, int64_t j,
                              Sums<kRows, kColumns>& sums) {
  const __m512i table =
      _mm512_load_si512(q.format == QuantFormat::FP4 ? kFp4Table.entries : kNf4Table.entries);
  const int64_t blocks = q.columns / kCodeBlock;
  for (int64_t run = 0; run < blocks; run += kScaleRun) {
    const int64_t count = run + kScaleRun < blocks ? kScaleRun : blocks - run;
    add_run(q, x, i, j, run, count, table, sums);
  }
}

template <int kRows, int kColumns>
static void multiply_int8(const QuantizedData& q, const FixedPointRows& x, int64_t i, int64_t j,
                          Sums<kRows, kColumns>& sums) {
  const uint8_t* codes = q.codes + j * q.columns;
  for (int64_t k = 0; k < q.columns; k += kCodeBlock) {
    const int64_t left = q.columns - k;
    const __mmask64 bytes = left >= kCodeBlock ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      const uint8_t* p = codes + c * q.columns + k;
      prefetch(p + 2 * kAhead);
      const __m512i both = _mm512_maskz_loadu_epi8(bytes, p);
      const __m512i first = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(both));
      const __m512i second = _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(both, 1));
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const int16_t* values = x.values(i + r) + k;
        __m512i sum = add_dot(_mm512_setzero_si512(), first, _mm512_load_si512(values));
        sum = add_dot(sum, second, _mm512_load_si512(values + 32));
        const __m512 scale = _mm512_set1_ps(x.scales(i + r)[k / kCodeBlock]);
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
                         float* totals) {
  const QuantizedData& q = segment.quantized;
  Sums<kRows, kColumns> sums;
  if (is_four_bit(q)) {
    multiply_four_bit(q, x, i, j, sums);
  } else {
    multiply_int8(q, x, i, j, sums);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      totals[r * kFewColumns + c] += segment.alpha * _mm512_reduce_add_ps(sums.lanes[r][c]);
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

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
                       int64_t, float*) {}

#else

namespace {

constexpr int64_t kBlock = 64;   // values of x that share a scale
constexpr int64_t kGroup = 128;  // 4-bit codes in a vector of 64 bytes
constexpr int64_t kScaleRun = 64;
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

// The signed dynamic map without its table, as gathers are slow: from the middle on, outwards, it
// is seven straight lines of 1, 2, 4 ... 64 values, of one sign on either side, and 1 at the end.
class MapLines {
 public:
  explicit MapLines(const DynamicMap& map) {
    const float* middle = map.values + kMiddle;
    for (int line = 0; line < 7; ++line) {
      const int first = 1 << line, last = 2 * first - 1;
      starts_[line] = middle[first];
      steps_[line] = line == 0 ? 0 : (middle[last] - middle[first]) / static_cast<float>(first - 1);
    }
    starts_[7] = middle[128];
  }

  // Within two units in the last place of the map's values.
  __m512 operator[](__m512i code) const {
    const __m512i distance = _mm512_sub_epi32(code, _mm512_set1_epi32(kMiddle));
    const __m512i away = _mm512_abs_epi32(distance);
    // -1 for 0, which takes the last entry.
    const __m512i line = _mm512_sub_epi32(_mm512_set1_epi32(31), _mm512_lzcnt_epi32(away));
    const __m512i first = _mm512_sllv_epi32(_mm512_set1_epi32(1), line);
    const __m512 along = _mm512_cvtepi32_ps(_mm512_sub_epi32(away, first));
    const __m512 size = _mm512_fmadd_ps(_mm512_permutexvar_ps(line, _mm512_load_ps(steps_)), along,
                                        _mm512_permutexvar_ps(line, _mm512_load_ps(starts_)));
    const __m512i sign = _mm512_and_si512(distance, _mm512_set1_epi32(INT32_MIN));
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(size), sign));
  }

 private:
  static constexpr int kMiddle = 127;
  alignas(64) float starts_[16] = {};
  alignas(64) float steps_[16] = {};
};

const MapLines& signed_map_lines() {
  static const MapLines lines(dynamic_map(true));
  return lines;
}

// Doubly quantised absmax of 16 blocks from `first` on, or of the `count` that are left.
static inline __m512 nested_absmax(const QuantizedData& q, const MapLines& map, int64_t first,
                                   int64_t count) {
  const auto lanes = static_cast<__mmask16>(count < 16 ? (1 << count) - 1 : 0xffff);
  const __m512i codes = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, q.absmax_codes + first));
  const float* outer = q.nested_absmax + first / kNestedBlock;
  const int64_t left = kNestedBlock - first % kNestedBlock;  // that share the first outer scale
  __m512 factor = _mm512_set1_ps(outer[0]);
  if (left < count) {
    factor = _mm512_mask_mov_ps(factor, static_cast<__mmask16>(0xffff << left),
                                _mm512_set1_ps(outer[1]));
  }
  return _mm512_fmadd_ps(map[codes], factor, _mm512_set1_ps(*q.offset));
}

// Scales of `count` <= kScaleRun times 64 codes from element `first` on; what follows them is not
// used.
static inline void load_scales(const QuantizedData& q, int64_t first, int64_t count,
                               float* scales) {
  const __m512 unit = _mm512_set1_ps(1 / kCodebookScale);
  const int64_t block = first / kBlock;
  if (q.block_shift != 6) {
    const int shift = q.block_shift - 6;
    for (int64_t i = 0; i < count; ++i) {
      scales[i] = absmax_of(q, (block + i) >> shift) * (1 / kCodebookScale);
    }
    return;
  }
  for (int64_t i = 0; i < count; i += 16) {
    const int64_t left = count - i < 16 ? count - i : 16;
    const __m512 absmax = q.absmax ? _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << left) - 1),
                                                           q.absmax + block + i)
                                   : nested_absmax(q, signed_map_lines(), block + i, left);
    _mm512_store_ps(scales + i, _mm512_mul_ps(absmax, unit));
  }
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

// Called in the order of the addresses, which rows side by side are not read in.
static inline void prefetch(const uint8_t* codes) {
  _mm_prefetch(reinterpret_cast<const char*>(codes) + kAhead, _MM_HINT_T0);
}

// The blocks of 64 codes from `first` on, `count` <= kScaleRun of them.
template <int kRows, int kColumns>
static inline void add_run(const QuantizedData& q, const FixedPointRows& x, int64_t i, int64_t j,
                           int64_t first, int64_t count, __m512i table,
                           Sums<kRows, kColumns>& sums) {
  alignas(64) float scales[kColumns][kScaleRun];
  const uint8_t* start = q.codes + j * q.columns / 2;
  const uint8_t* codes[kColumns];
  for (int c = 0; c < kColumns; ++c) {
    const int64_t element = (j + c) * q.columns + first * kBlock;
    codes[c] = q.codes + element / 2;
    load_scales(q, element, count, scales[c]);
  }
  // The lower half of the lanes sums the first 64 of a group.
  __m512i halves = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  for (int64_t b = 0; b + 1 < count; b += 2) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      const uint8_t* p = codes[c] + b * kBlock / 2;
      prefetch(start + ((first + b) / 2 * kColumns + c) * kGroup / 2);
      // The look-up takes an index modulo 16.
      const __m512 scale = _mm512_permutexvar_ps(halves, _mm512_load_ps(scales[c] + (b & ~15)));
      add_group(_mm512_loadu_si512(p), table, x, i, (first + b) / 2, scale, c, sums);
    }
    halves = _mm512_add_epi32(halves, _mm512_set1_epi32(2));
  }
  if (count % 2 == 0) return;
  for (int c = 0; c < kColumns; ++c) {
    const uint8_t* p = codes[c] + (count - 1) * kBlock / 2;
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
  const int64_t blocks = q.columns / kBlock;
  for (int64_t run = 0; run < blocks; run += kScaleRun) {
    const int64_t count = run + kScaleRun < blocks ? kScaleRun : blocks - run;
    add_run(q, x, i, j, run, count, table, sums);
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
      prefetch(p);
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

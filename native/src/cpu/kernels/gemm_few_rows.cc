#include "cpu/kernels/gemm_few_rows.h"

#include <optional>
#include <type_traits>

#include "cpu/kernels/expand_quantized.h"
#include "cpu/kernels/few_rows_codes.h"
#include "cpu/kernels/gemm_vec.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using F32 = GemmF32;
using U32 = GemmU32;
constexpr int kLanes = kGemmLanes;
constexpr int64_t kColumns = kFewColumns;  // rows of B at a time
constexpr int64_t kAhead = 4096;           // bytes to prefetch
// Rows of A at a time, so that the sums stay in registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int64_t kRows = 4;
#else
constexpr int64_t kRows = 2;
#endif

// How the elements of a row become units: as in gemm_pack.h, without the copy.
struct FloatRow {
  static constexpr GemmPacking kPacking = GemmPacking::kFloat;
  static constexpr int64_t kElement = 4;
  static constexpr int64_t kStep = kLanes;
  static constexpr bool kPairs = false;
  static inline U32 load(const char* p) { return gemm_load<U32>(p); }
  static inline U32 load_part(const char* p, int64_t count) {
    return gemm_load_part<U32>(p, count * 4);
  }
};
struct WidenedRow {
  static constexpr GemmPacking kPacking = GemmPacking::kWidened;
  static constexpr int64_t kElement = 2;
  static constexpr int64_t kStep = kLanes;
  static constexpr bool kPairs = false;
  static inline U32 load(const char* p) { return gemm_widen(gemm_load<GemmU16>(p)); }
  static inline U32 load_part(const char* p, int64_t count) {
    return gemm_widen(gemm_load_part<GemmU16>(p, count * 2));
  }
};
struct PairRow {
  static constexpr GemmPacking kPacking = GemmPacking::kPairs;
  static constexpr int64_t kElement = 2;
  static constexpr int64_t kStep = 2 * kLanes;
  static constexpr bool kPairs = true;
  static inline U32 load(const char* p) { return gemm_load<U32>(p); }
  static inline U32 load_part(const char* p, int64_t count) {
    return gemm_load_part<U32>(p, count * 2);
  }
};

// kN rows of a dense B side by side, as columns of the product. kIsRun: a single row of A leaves so
// little to do with each that reading them one after the other, as one run of memory, is faster.
template <class Row, int kN>
struct DenseColumns {
  static constexpr bool kIsRun = true;
  const char* b;
  int64_t stride;  // bytes

  DenseColumns(const GemmSegment& segment, int64_t j)
      : b(static_cast<const char*>(segment.b) + j * segment.ldb * Row::kElement),
        stride(segment.ldb * Row::kElement) {}

  void start(int64_t) {}
  U32 load(int j, int64_t k) const {
    const int64_t offset = k * Row::kElement;
    // In the order of the addresses, in which rows side by side are not read: so far ahead that the
    // last one is there in time.
    constexpr int64_t kVector = Row::kStep * Row::kElement;
    __builtin_prefetch(b + kN * offset + j * kVector + (kN - 1) * stride + kAhead, 0, 2);
    return Row::load(b + j * stride + offset);
  }
  U32 load_part(int j, int64_t k, int64_t count) const {
    return Row::load_part(b + j * stride + k * Row::kElement, count);
  }
};

// The three below: codes that few_rows_codes.h does not take.
//
// kN rows of a 4-bit matrix whose rows begin with a block: the tables of the running blocks stay in
// registers.
template <class Row, int kN>
struct BlockColumns {
  static constexpr bool kIsRun = false;
  using Codes = BlockCodes<Row::kPacking>;
  const QuantizedData& q;
  int64_t row;
  Codes codes[kN];

  BlockColumns(const GemmSegment& segment, int64_t j) : q(segment.quantized), row(j) {}

  int64_t first(int j, int64_t k) const { return (row + j) * q.columns + k; }
  void start(int64_t k) {
    if (k & ((int64_t{1} << q.block_shift) - 1)) return;
#pragma GCC unroll 4
    for (int j = 0; j < kN; ++j) codes[j] = Codes(q, first(j, k) >> q.block_shift);
  }
  U32 load(int j, int64_t k) const { return codes[j].units(q.codes + first(j, k) / 2); }
  // Never needed: a row is whole blocks, and a block whole vectors.
  U32 load_part(int, int64_t, int64_t) const { return U32{}; }
};

// kN rows of an int8 matrix.
template <class Row, int kN>
struct Int8Columns {
  static constexpr bool kIsRun = false;
  using Codes = RowCodes<Row::kPacking>;
  const QuantizedData& q;
  int64_t row;
  Codes codes[kN];

  Int8Columns(const GemmSegment& segment, int64_t j) : q(segment.quantized), row(j) {
    for (int i = 0; i < kN; ++i) codes[i] = Codes(q, row + i);
  }

  void start(int64_t) {}
  U32 load(int j, int64_t k) const { return codes[j].units(q.codes + (row + j) * q.columns + k); }
  U32 load_part(int j, int64_t k, int64_t count) const {
    uint8_t padded[Codes::kBytes] = {};
    memcpy(padded, q.codes + (row + j) * q.columns + k, static_cast<size_t>(count));
    return codes[j].units(padded);
  }
};

// kN rows of a 4-bit matrix whose blocks lie across rows.
template <class Row, int kN>
struct ExpandedColumns {
  static constexpr bool kIsRun = false;
  using T = std::conditional_t<Row::kElement == 4, float, bf16>;
  const QuantizedData& q;
  int64_t row;

  ExpandedColumns(const GemmSegment& segment, int64_t j) : q(segment.quantized), row(j) {}

  void start(int64_t) {}
  U32 load(int j, int64_t k) const {
    T values[2 * kLanes];
    expand_quantized(q, row + j, k, Row::kStep, values);
    return Row::load(reinterpret_cast<const char*>(values));
  }
  U32 load_part(int j, int64_t k, int64_t count) const {
    T values[2 * kLanes];
    expand_quantized(q, row + j, k, count, values);
    return Row::load_part(reinterpret_cast<const char*>(values), count);
  }
};

// sums[i * kColumns + j] += alpha * dot(row i of A, column j); a and its row stride in bytes.
template <class Row, class Columns, int kM, int kN>
static void dots(const char* a, int64_t a_stride, const GemmSegment& segment, int64_t j0,
                 float* sums) {
  Columns columns(segment, j0);
  const int64_t k = segment.k;
  F32 acc[kM][kN] = {};
  int64_t at = 0;
  for (; at + Row::kStep <= k; at += Row::kStep) {
    columns.start(at);
    U32 column[kN];
#pragma GCC unroll 4
    for (int j = 0; j < kN; ++j) column[j] = columns.load(j, at);
#pragma GCC unroll 8
    for (int i = 0; i < kM; ++i) {
      const U32 row = Row::load(a + i * a_stride + at * Row::kElement);
#pragma GCC unroll 4
      for (int j = 0; j < kN; ++j)
        acc[i][j] = gemm_multiply_add<Row::kPairs>(acc[i][j], row, column[j]);
    }
  }
  if (at < k) {
    columns.start(at);
    for (int j = 0; j < kN; ++j) {
      const U32 column = columns.load_part(j, at, k - at);
      for (int i = 0; i < kM; ++i) {
        const U32 row = Row::load_part(a + i * a_stride + at * Row::kElement, k - at);
        acc[i][j] = gemm_multiply_add<Row::kPairs>(acc[i][j], row, column);
      }
    }
  }
  for (int i = 0; i < kM; ++i) {
    for (int j = 0; j < kN; ++j)
      sums[i * kColumns + j] += segment.alpha * gemm_sum_lanes(acc[i][j]);
  }
}

template <class Row, template <class, int> class Columns, int kN>
static void dots_of_rows(int64_t m, const char* a, int64_t a_stride, const GemmSegment& segment,
                         int64_t j, float* sums) {
  using C = Columns<Row, kN>;
  if (m == 1) return dots<Row, C, 1, kN>(a, a_stride, segment, j, sums);
  if (m == 2) return dots<Row, C, 2, kN>(a, a_stride, segment, j, sums);
  if constexpr (kRows > 2) {
    if (m == 3) return dots<Row, C, 3, kN>(a, a_stride, segment, j, sums);
    dots<Row, C, 4, kN>(a, a_stride, segment, j, sums);
  }
}

// `count` columns from j on for `m` rows from i on.
template <class Row, template <class, int> class Columns>
static void add_segment(const GemmSegment& segment, int64_t i, int64_t m, int64_t j, int64_t count,
                        float* sums) {
  const int64_t a_stride = segment.lda * Row::kElement;
  const char* a = static_cast<const char*>(segment.a) + i * a_stride;
  const bool is_run = m == 1 && Columns<Row, 1>::kIsRun;
  if (count == kColumns && !is_run) {
    return dots_of_rows<Row, Columns, kColumns>(m, a, a_stride, segment, j, sums);
  }
  for (int64_t c = 0; c < count; ++c) {
    dots_of_rows<Row, Columns, 1>(m, a, a_stride, segment, j + c, sums + c);
  }
}

template <class Row>
static void add_any_segment(const GemmSegment& segment, int64_t i, int64_t m, int64_t j,
                            int64_t count, float* sums) {
  if (!segment.is_quantized()) return add_segment<Row, DenseColumns>(segment, i, m, j, count, sums);
  const QuantizedData& q = segment.quantized;
  if (q.format == QuantFormat::INT8)
    return add_segment<Row, Int8Columns>(segment, i, m, j, count, sums);
  if (q.columns % (int64_t{1} << q.block_shift) == 0)
    return add_segment<Row, BlockColumns>(segment, i, m, j, count, sums);
  add_segment<Row, ExpandedColumns>(segment, i, m, j, count, sums);
}

static inline void store(const GemmArgs& args, int64_t i, int64_t j, float value) {
  if (args.bias) {
    const char* bias = static_cast<const char*>(args.bias);
    value += args.in_dtype == DType::F32 ? gemm_load<float>(bias + j * 4)
                                         : gemm_widen(gemm_load<uint16_t>(bias + j * 2));
  }
  if (args.out_dtype == DType::BF16) {
    static_cast<bf16*>(args.c)[i * args.ldc + j].bits = gemm_round_bf16(value);
  } else {
    float& c = static_cast<float*>(args.c)[i * args.ldc + j];
    c = args.accumulate ? c + value : value;
  }
}

// The rows of A of a segment that is multiplied by codes.
struct CodedSegment {
  std::optional<CodeRows<int16_t>> words;
  std::optional<CodeRows<float>> floats;

  void prepare(const GemmSegment& segment, int64_t m, DType dtype) {
    if (!segment.is_quantized() || !multiplies_codes(segment.quantized)) return;
    if (dtype == DType::BF16 || segment.fixed_point) {
      words.emplace(segment, m, dtype);
    } else {
      floats.emplace(segment, m, dtype);
    }
  }
};
using CodedSegments = CodedSegment[2];

// Columns [begin, end) of C.
template <class Row>
static void columns(const GemmArgs& args, const CodedSegments& coded, int64_t begin, int64_t end) {
  for (int64_t j = begin; j < end; j += kColumns) {
    const int64_t count = end - j < kColumns ? end - j : kColumns;
    for (int64_t i = 0; i < args.m; i += kRows) {
      const int64_t rows = args.m - i < kRows ? args.m - i : kRows;
      float sums[kRows * kColumns] = {};
      for (int s = 0; s < args.segment_count; ++s) {
        if (coded[s].words) {
          add_code_products(args.segments[s], *coded[s].words, i, rows, j, count, sums);
        } else if (coded[s].floats) {
          add_code_products(args.segments[s], *coded[s].floats, i, rows, j, count, sums);
        } else {
          add_any_segment<Row>(args.segments[s], i, rows, j, count, sums);
        }
      }
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < count; ++c) store(args, i + r, j + c, sums[r * kColumns + c]);
      }
    }
  }
}

template <class Row>
static void multiply(const GemmArgs& args, ThreadPool& pool) {
  int64_t depth = 1;
  CodedSegments coded;
  for (int s = 0; s < args.segment_count; ++s) {
    const GemmSegment& segment = args.segments[s];
    depth += segment.k;
    coded[s].prepare(segment, args.m, args.in_dtype);
  }
  // A range reads about 256 Ki elements of B: long enough to hide the cost of handing it out.
  int64_t grain = (int64_t{1} << 18) / depth / kColumns * kColumns;
  if (grain < kColumns) grain = kColumns;
  parallel_for(pool, args.n, grain,
               [&](int64_t begin, int64_t end) { columns<Row>(args, coded, begin, end); });
}

}  // namespace

bool gemm_is_few_rows(const GemmArgs& args) {
  for (int s = 0; s < args.segment_count; ++s) {
    const GemmSegment& seg = args.segments[s];
    if (seg.transpose_a || !seg.transpose_b) return false;
  }
  return args.m <= kGemmFewRows;
}

void gemm_few_rows(const GemmArgs& args, ThreadPool& pool) {
  if (args.in_dtype == DType::F32) return multiply<FloatRow>(args, pool);
  multiply<std::conditional_t<kGemmHasPairs, PairRow, WidenedRow>>(args, pool);
}

}  // namespace llft::cpu::LLFT_ISA

#include "cpu/kernels/gemm_few_rows.h"

#include <optional>
#include <type_traits>
#include <vector>

#include "cpu/kernels/expand_quantized.h"
#include "cpu/kernels/few_rows_codes.h"
#include "cpu/simd/vec.h"

namespace llft::cpu::LLFT_ISA {
namespace {
constexpr int kColumns = kFewColumns;  // rows of B at a time
constexpr int64_t kAhead = 4096;       // bytes to prefetch
// Rows of A at a time, so that the sums stay in registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int64_t kRows = 4;
#else
constexpr int64_t kRows = 2;
#endif

// How the elements of a row of A and of a row of B are multiplied. `Factor` is what a step takes of
// A; of B it takes a vector of units as gemm_pack.h has them, without the copy. An element of C is
// summed in the same order whatever M is.
struct FloatRow {
  static constexpr GemmPacking kPacking = GemmPacking::kFloat;
  static constexpr int64_t kElement = 4, kStep = kLanes, kFactorBytes = 4;
  static constexpr int kColumnsAtOnce = kColumns;
  using Factor = U32;
  static inline Factor load_factor(const char* p) { return load_bytes<U32>(p); }
  static inline Factor load_factor_part(const char* p, int64_t count) {
    return simd::load_part<U32>(p, count * 4);
  }
  using Sum = F32;
  static inline Sum multiply_add(Sum sum, Factor a, U32 b) {
    return simd::multiply_add<false>(sum, a, b);
  }
  static inline F32 total(Sum sum) { return sum; }
};
// Rows of A in float32, each 2 kLanes elements with the even ones first (`PreparedRows`): then a
// pair of B is two vectors of floats after one shift and one mask, and the sums of both need not
// wait for each other.
struct WidenedRow {
  static constexpr GemmPacking kPacking = GemmPacking::kPairs;
  static constexpr int64_t kElement = 2, kStep = 2 * kLanes, kFactorBytes = 4;
  static constexpr int kColumnsAtOnce = 2;
  struct Halves {
    F32 even, odd;
  };
  using Factor = Halves;
  static inline Factor load_factor(const char* p) {
    return {load_bytes<F32>(p), load_bytes<F32>(p + sizeof(F32))};
  }
  static inline Factor load_factor_part(const char* p, int64_t) { return load_factor(p); }
  using Sum = Halves;
  static inline Sum multiply_add(const Sum& sum, const Factor& a, U32 b) {
    return {sum.even + a.even * (F32)(b << 16), sum.odd + a.odd * (F32)(b & 0xffff0000u)};
  }
  static inline F32 total(const Sum& sum) { return sum.even + sum.odd; }
};
struct PairRow {
  static constexpr GemmPacking kPacking = GemmPacking::kPairs;
  static constexpr int64_t kElement = 2, kStep = 2 * kLanes, kFactorBytes = 2;
  static constexpr int kColumnsAtOnce = kColumns;
  using Factor = U32;
  static inline Factor load_factor(const char* p) { return load_bytes<U32>(p); }
  static inline Factor load_factor_part(const char* p, int64_t count) {
    return simd::load_part<U32>(p, count * 2);
  }
  using Sum = F32;
  static inline Sum multiply_add(Sum sum, Factor a, U32 b) {
    return simd::multiply_add<true>(sum, a, b);
  }
  static inline F32 total(Sum sum) { return sum; }
};

// kN rows of a dense B side by side, as columns of the product. kIsRun: a single row of A leaves so
// little to do with each that reading them one after the other, as one run of memory, is faster.
template <class Row, int kN>
struct DenseColumns {
  static constexpr bool kIsRun = true;
  const char* b;
  int64_t stride;  // bytes

  DenseColumns(const GemmTerm& term, int64_t j)
      : b(static_cast<const char*>(term.b) + j * term.ldb * Row::kElement),
        stride(term.ldb * Row::kElement) {}

  void start(int64_t) {}
  U32 load(int j, int64_t k) const {
    const int64_t offset = k * Row::kElement;
    // In the order of the addresses, in which rows side by side are not read: so far ahead that the
    // last one is there in time.
    constexpr int64_t kVector = Row::kStep * Row::kElement;
    __builtin_prefetch(b + kN * offset + j * kVector + (kN - 1) * stride + kAhead, 0, 2);
    return load_bytes<U32>(b + j * stride + offset);
  }
  U32 load_part(int j, int64_t k, int64_t count) const {
    return simd::load_part<U32>(b + j * stride + k * Row::kElement, count * Row::kElement);
  }
};

// The four below: codes that few_rows_codes.h does not take.
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

  BlockColumns(const GemmTerm& term, int64_t j) : q(term.quantized), row(j) {}

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

  Int8Columns(const GemmTerm& term, int64_t j) : q(term.quantized), row(j) {
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

// kN rows of blocks of GGUF, each block expanded when its first element is reached.
template <class Row, int kN>
struct GgufColumns {
  static constexpr bool kIsRun = false;
  using T = std::conditional_t<Row::kElement == 4, float, bf16>;
  const QuantizedData& q;
  int64_t row;
  int64_t block;
  T values[kN][kLargeBlock];

  GgufColumns(const GemmTerm& term, int64_t j)
      : q(term.quantized), row(j), block(block_elements(q.format)) {}

  void start(int64_t k) {
    if (k % block) return;
    for (int j = 0; j < kN; ++j) expand_quantized(q, row + j, k, block, values[j]);
  }
  U32 load(int j, int64_t k) const { return load_bytes<U32>(values[j] + k % block); }
  // Never needed: a row is whole blocks, and a block whole vectors.
  U32 load_part(int, int64_t, int64_t) const { return U32{}; }
};

// kN rows of a 4-bit matrix whose blocks lie across rows.
template <class Row, int kN>
struct ExpandedColumns {
  static constexpr bool kIsRun = false;
  using T = std::conditional_t<Row::kElement == 4, float, bf16>;
  const QuantizedData& q;
  int64_t row;

  ExpandedColumns(const GemmTerm& term, int64_t j) : q(term.quantized), row(j) {}

  void start(int64_t) {}
  U32 load(int j, int64_t k) const {
    T values[2 * kLanes];
    expand_quantized(q, row + j, k, Row::kStep, values);
    return load_bytes<U32>(values);
  }
  U32 load_part(int j, int64_t k, int64_t count) const {
    T values[2 * kLanes];
    expand_quantized(q, row + j, k, count, values);
    return simd::load_part<U32>(values, count * Row::kElement);
  }
};

// Rows of A as Row's factors.
struct Rows {
  const char* data;
  int64_t stride;  // bytes
};

// sums[i * kColumns + j] += alpha * dot(row i of A, column j). Not inlined: in a larger function
// the sums would not stay in registers.
template <class Row, class Columns, int kM, int kN>
[[gnu::noinline]] static void dots(const Rows& a, const GemmTerm& term, int64_t j0, float* sums) {
  Columns columns(term, j0);
  const Rows rows = a;
  const int64_t k = term.k;
  typename Row::Sum acc[kM][kN] = {};
  int64_t at = 0;
  for (; at + Row::kStep <= k; at += Row::kStep) {
    columns.start(at);
    U32 column[kN];
#pragma GCC unroll 4
    for (int j = 0; j < kN; ++j) column[j] = columns.load(j, at);
#pragma GCC unroll 8
    for (int i = 0; i < kM; ++i) {
      const typename Row::Factor factor =
          Row::load_factor(rows.data + i * rows.stride + at * Row::kFactorBytes);
#pragma GCC unroll 4
      for (int j = 0; j < kN; ++j) acc[i][j] = Row::multiply_add(acc[i][j], factor, column[j]);
    }
  }
  if (at < k) {
    columns.start(at);
    for (int j = 0; j < kN; ++j) {
      const U32 column = columns.load_part(j, at, k - at);
      for (int i = 0; i < kM; ++i) {
        const char* row = rows.data + i * rows.stride + at * Row::kFactorBytes;
        acc[i][j] = Row::multiply_add(acc[i][j], Row::load_factor_part(row, k - at), column);
      }
    }
  }
  for (int i = 0; i < kM; ++i) {
    for (int j = 0; j < kN; ++j) {
      sums[i * kColumns + j] += term.alpha * reduce_add(Row::total(acc[i][j]));
    }
  }
}

template <class Row, template <class, int> class Columns, int kN>
static void dots_of_rows(int64_t m, const Rows& a, const GemmTerm& term, int64_t j, float* sums) {
  using C = Columns<Row, kN>;
  if (m == 1) return dots<Row, C, 1, kN>(a, term, j, sums);
  if (m == 2) return dots<Row, C, 2, kN>(a, term, j, sums);
  if constexpr (kRows > 2) {
    if (m == 3) return dots<Row, C, 3, kN>(a, term, j, sums);
    dots<Row, C, 4, kN>(a, term, j, sums);
  }
}

// `count` columns from j on for `m` rows.
template <class Row, template <class, int> class Columns>
static void add_term(const GemmTerm& term, const Rows& a, int64_t m, int64_t j, int64_t count,
                     float* sums) {
  constexpr int kAtOnce = Row::kColumnsAtOnce;
  const bool is_run = m == 1 && Columns<Row, 1>::kIsRun;
  int64_t c = 0;
  for (; !is_run && c + kAtOnce <= count; c += kAtOnce) {
    dots_of_rows<Row, Columns, kAtOnce>(m, a, term, j + c, sums + c);
  }
  for (; c < count; ++c) dots_of_rows<Row, Columns, 1>(m, a, term, j + c, sums + c);
}

template <class Row>
static void add_any_term(const GemmTerm& term, const Rows& a, int64_t m, int64_t j, int64_t count,
                         float* sums) {
  if (!term.is_quantized()) return add_term<Row, DenseColumns>(term, a, m, j, count, sums);
  const QuantizedData& q = term.quantized;
  if (q.format == QuantFormat::INT8) return add_term<Row, Int8Columns>(term, a, m, j, count, sums);
  if (is_blocks(q.format)) return add_term<Row, GgufColumns>(term, a, m, j, count, sums);
  if (q.columns % (int64_t{1} << q.block_shift) == 0)
    return add_term<Row, BlockColumns>(term, a, m, j, count, sums);
  add_term<Row, ExpandedColumns>(term, a, m, j, count, sums);
}

static inline void store(const GemmArgs& args, int64_t i, int64_t j, float value) {
  if (args.bias) {
    const char* bias = static_cast<const char*>(args.bias);
    value += args.in_dtype == DType::F32 ? load_bytes<float>(bias + j * 4)
                                         : to_float(load_bytes<bf16>(bias + j * 2));
  }
  if (args.out_dtype == DType::BF16) {
    store_scalar(static_cast<bf16*>(args.c) + i * args.ldc + j, value);
  } else {
    float& c = static_cast<float*>(args.c)[i * args.ldc + j];
    c = args.accumulate ? c + value : value;
  }
}

// The rows of A of a term, made ready for its products.
struct PreparedRows {
  std::optional<ActivationRows<int16_t>> words;  // for codes
  std::optional<ActivationRows<float>> floats;   // for codes
  std::vector<F32> widened;                      // for WidenedRow
  Rows rows{};

  template <class Row>
  void prepare(const GemmTerm& term, int64_t m, DType dtype) {
    if (term.is_quantized() && multiplies_codes(term.quantized)) {
      if (dtype == DType::BF16 || term.fixed_point) {
        words.emplace(term, m, dtype);
      } else {
        floats.emplace(term, m, dtype);
      }
    } else if constexpr (std::is_same_v<Row, WidenedRow>) {
      widen(term, m);
    } else {
      rows = {static_cast<const char*>(term.a), term.lda * Row::kElement};
    }
  }

 private:
  void widen(const GemmTerm& term, int64_t m) {
    const int64_t steps = (term.k + WidenedRow::kStep - 1) / WidenedRow::kStep;
    widened.assign(static_cast<size_t>(2 * steps * m), F32{});
    rows = {reinterpret_cast<const char*>(widened.data()), steps * WidenedRow::kStep * 4};
    for (int64_t i = 0; i < m; ++i) {
      const auto* x = static_cast<const uint16_t*>(term.a) + i * term.lda;
      F32* out = widened.data() + 2 * steps * i;
      for (int64_t k = 0; k < term.k; ++k) {
        const int64_t within = k % WidenedRow::kStep;
        out[k / WidenedRow::kStep * 2 + within % 2][within / 2] = to_float(bf16{x[k]});
      }
    }
  }
};

// Columns [begin, end) of C.
template <class Row>
static void columns(const GemmArgs& args, const PreparedRows* prepared, int64_t begin,
                    int64_t end) {
  for (int64_t j = begin; j < end; j += kColumns) {
    const int64_t count = end - j < kColumns ? end - j : kColumns;
    for (int64_t i = 0; i < args.m; i += kRows) {
      const int64_t rows = args.m - i < kRows ? args.m - i : kRows;
      float sums[kRows * kColumns] = {};
      for (int s = 0; s < args.term_count; ++s) {
        const GemmTerm& term = args.terms[s];
        const PreparedRows& a = prepared[s];
        if (a.words) {
          add_code_products(term, *a.words, i, rows, j, count, sums);
        } else if (a.floats) {
          add_code_products(term, *a.floats, i, rows, j, count, sums);
        } else {
          const Rows from_i{a.rows.data + i * a.rows.stride, a.rows.stride};
          add_any_term<Row>(term, from_i, rows, j, count, sums);
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
  PreparedRows prepared[2];
  for (int s = 0; s < args.term_count; ++s) {
    const GemmTerm& term = args.terms[s];
    depth += term.k;
    prepared[s].prepare<Row>(term, args.m, args.in_dtype);
  }
  // A range reads about 256 Ki elements of B: long enough to hide the cost of handing it out.
  int64_t grain = (int64_t{1} << 18) / depth / kColumns * kColumns;
  if (grain < kColumns) grain = kColumns;
  parallel_for(pool, args.n, grain,
               [&](int64_t begin, int64_t end) { columns<Row>(args, prepared, begin, end); });
}

}  // namespace

bool gemm_is_few_rows(const GemmArgs& args) {
  for (int s = 0; s < args.term_count; ++s) {
    const GemmTerm& seg = args.terms[s];
    if (seg.transpose_a || !seg.transpose_b) return false;
  }
  return args.m <= kGemmFewRows;
}

void gemm_few_rows(const GemmArgs& args, ThreadPool& pool) {
  if (args.in_dtype == DType::F32) return multiply<FloatRow>(args, pool);
  multiply<std::conditional_t<kHasPairs, PairRow, WidenedRow>>(args, pool);
}

}  // namespace llft::cpu::LLFT_ISA

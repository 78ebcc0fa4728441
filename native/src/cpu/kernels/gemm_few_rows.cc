#include "cpu/kernels/gemm_few_rows.h"

#include "cpu/kernels/gemm_vec.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using F32 = GemmF32;
using U32 = GemmU32;
constexpr int kLanes = kGemmLanes;
constexpr int64_t kColumns = 4;  // rows of B read side by side
// Rows of A at a time, so that the kRows * kColumns sums stay in registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int64_t kRows = 4;
#else
constexpr int64_t kRows = 2;
#endif

// How the elements of a row become units: as in gemm_pack.h, without the copy.
struct FloatRow {
  static constexpr int64_t kElement = 4;
  static constexpr int64_t kStep = kLanes;
  static constexpr bool kPairs = false;
  static inline U32 load(const char* p) { return gemm_load<U32>(p); }
  static inline U32 load_part(const char* p, int64_t count) {
    return gemm_load_part<U32>(p, count * 4);
  }
};
struct WidenedRow {
  static constexpr int64_t kElement = 2;
  static constexpr int64_t kStep = kLanes;
  static constexpr bool kPairs = false;
  static inline U32 load(const char* p) { return gemm_widen(gemm_load<GemmU16>(p)); }
  static inline U32 load_part(const char* p, int64_t count) {
    return gemm_widen(gemm_load_part<GemmU16>(p, count * 2));
  }
};
struct PairRow {
  static constexpr int64_t kElement = 2;
  static constexpr int64_t kStep = 2 * kLanes;
  static constexpr bool kPairs = true;
  static inline U32 load(const char* p) { return gemm_load<U32>(p); }
  static inline U32 load_part(const char* p, int64_t count) {
    return gemm_load_part<U32>(p, count * 2);
  }
};

static inline float sum_lanes(F32 v) {
  float lanes[kLanes];
  gemm_store(lanes, v);
#pragma GCC unroll 4
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

// sums[i][j] += alpha * dot(row i of A, row j of B), rows at a, b and row strides in bytes.
template <class Row, int kM, int kN>
static void dots(const char* a, int64_t a_stride, const char* b, int64_t b_stride, int64_t k,
                 float alpha, float (*sums)[kColumns]) {
  F32 acc[kM][kN] = {};
  const auto step = [&](const auto& load, int64_t at) __attribute__((always_inline)) {
    U32 column[kN];
#pragma GCC unroll 4
    for (int j = 0; j < kN; ++j) {
      __builtin_prefetch(b + (j + kN) * b_stride + at);  // the rows after these
      column[j] = load(b + j * b_stride + at);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kM; ++i) {
      const U32 row = load(a + i * a_stride + at);
#pragma GCC unroll 4
      for (int j = 0; j < kN; ++j)
        acc[i][j] = gemm_multiply_add<Row::kPairs>(acc[i][j], row, column[j]);
    }
  };
  int64_t at = 0;
  for (; at + Row::kStep <= k; at += Row::kStep) {
    step([](const char* p) { return Row::load(p); }, at * Row::kElement);
  }
  if (at < k) step([&](const char* p) { return Row::load_part(p, k - at); }, at * Row::kElement);
  for (int i = 0; i < kM; ++i) {
    for (int j = 0; j < kN; ++j) sums[i][j] += alpha * sum_lanes(acc[i][j]);
  }
}

template <class Row, int kN>
static void dots_of_rows(int64_t m, const char* a, int64_t a_stride, const char* b,
                         int64_t b_stride, int64_t k, float alpha, float (*sums)[kColumns]) {
  if (m == 1) return dots<Row, 1, kN>(a, a_stride, b, b_stride, k, alpha, sums);
  if (m == 2) return dots<Row, 2, kN>(a, a_stride, b, b_stride, k, alpha, sums);
  if constexpr (kRows > 2) {
    if (m == 3) return dots<Row, 3, kN>(a, a_stride, b, b_stride, k, alpha, sums);
    dots<Row, 4, kN>(a, a_stride, b, b_stride, k, alpha, sums);
  }
}

static inline void store(const GemmArgs& args, int64_t i, int64_t j, float value) {
  if (args.bias) {
    const char* bias = static_cast<const char*>(args.bias);
    value += args.in_dtype == DType::F32
                 ? gemm_load<float>(bias + j * 4)
                 : ((F32)gemm_widen(gemm_load_part<GemmU16>(bias + j * 2, 2)))[0];
  }
  if (args.out_dtype == DType::BF16) {
    static_cast<bf16*>(args.c)[i * args.ldc + j].bits = gemm_round_bf16(F32{} + value)[0];
  } else {
    float& c = static_cast<float*>(args.c)[i * args.ldc + j];
    c = args.accumulate ? c + value : value;
  }
}

// Columns [begin, end) of C.
template <class Row>
static void columns(const GemmArgs& args, int64_t begin, int64_t end) {
  for (int64_t j = begin; j < end; j += kColumns) {
    const int64_t count = end - j < kColumns ? end - j : kColumns;
    for (int64_t i = 0; i < args.m; i += kRows) {
      const int64_t rows = args.m - i < kRows ? args.m - i : kRows;
      float sums[kRows][kColumns] = {};
      for (int s = 0; s < args.segment_count; ++s) {
        const GemmSegment& seg = args.segments[s];
        const int64_t a_stride = seg.lda * Row::kElement;
        const int64_t b_stride = seg.ldb * Row::kElement;
        const char* a = static_cast<const char*>(seg.a) + i * a_stride;
        const char* b = static_cast<const char*>(seg.b) + j * b_stride;
        if (count == kColumns) {
          dots_of_rows<Row, kColumns>(rows, a, a_stride, b, b_stride, seg.k, seg.alpha, sums);
          continue;
        }
        for (int64_t c = 0; c < count; ++c) {
          float single[kRows][kColumns] = {};
          dots_of_rows<Row, 1>(rows, a, a_stride, b + c * b_stride, b_stride, seg.k, seg.alpha,
                               single);
          for (int64_t r = 0; r < rows; ++r) sums[r][c] += single[r][0];
        }
      }
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < count; ++c) store(args, i + r, j + c, sums[r][c]);
      }
    }
  }
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
  int64_t depth = 1;
  for (int s = 0; s < args.segment_count; ++s) depth += args.segments[s].k;
  // A range reads about 256 Ki elements of B: long enough to hide the cost of handing it out.
  int64_t grain = (int64_t{1} << 18) / depth / kColumns * kColumns;
  if (grain < kColumns) grain = kColumns;
  parallel_for(pool, args.n, grain, [&](int64_t begin, int64_t end) {
    if (args.in_dtype == DType::F32) return columns<FloatRow>(args, begin, end);
    if constexpr (kGemmHasPairs) return columns<PairRow>(args, begin, end);
    columns<WidenedRow>(args, begin, end);
  });
}

}  // namespace llft::cpu::LLFT_ISA

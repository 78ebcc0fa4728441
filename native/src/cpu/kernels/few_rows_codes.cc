// Formulas, layouts and error bounds: few_rows_codes.h.
#include "cpu/kernels/few_rows_codes.h"

#include <cstring>

#if LLFT_HAS_CODE_LANES
#include "cpu/kernels/code_scales.h"
#endif

namespace llft::cpu::LLFT_ISA {

#if !LLFT_HAS_CODE_LANES

bool multiplies_codes(const QuantizedData&) { return false; }

template <class Value>
void add_code_products(const GemmTerm&, const ActivationRows<Value>&, int64_t, int64_t, int64_t,
                       int64_t, float*) {}

#else

namespace {

constexpr int64_t kGroupBlocks = kCodeGroup / kCodeBlock;
constexpr int64_t kRun = 64;         // blocks of 64 whose scales are computed at once
constexpr int64_t kAhead = 4096;     // bytes: the hardware's own prefetch stops at pages
constexpr int64_t kScalesAhead = 2;  // runs of as many rows of W

// Totals of kRows rows of x and kColumns rows of W.
template <int kRows, int kColumns>
using Sums = F32[kRows][kColumns];

// kVectors vectors of codes times as many of x, added up in each lane.
template <int kVectors>
[[gnu::always_inline]] static inline F32 products(const CodeVector* codes, const int16_t* x) {
  CodeVector sum = {};
  unrolled<kVectors>(
      [&](auto v) { sum = add_words(sum, codes[v], load_bytes<CodeVector>(x + kWords * v)); });
  return __builtin_convertvector((I32)sum, F32);
}

template <int kVectors>
[[gnu::always_inline]] static inline F32 products(const F32* codes, const float* x) {
  F32 sum = {};
  unrolled<kVectors>([&](auto v) { sum += codes[v] * load_bytes<F32>(x + kLanes * v); });
  return sum;
}

// Up to kRun blocks of kRows rows of x and kColumns rows of 4-bit codes.
template <class Value, int kRows, int kColumns>
struct FourBitRun {
  LookUp<Value> look_up;
  const Value* values[kRows];
  const uint8_t* codes[kColumns];
  const uint8_t* ahead;  // fetched meanwhile
  int64_t blocks;
  alignas(64) float scales[kRows][kColumns][kRun];

  explicit FourBitRun(QuantFormat format) : look_up(format) {}

  // The blocks from `first` on of rows [i, i + kRows) and [j, j + kColumns).
  void set(const QuantizedData& q, const ActivationRows<Value>& x, int64_t i, int64_t j,
           int64_t first) {
    const int64_t of_row = q.columns / kCodeBlock, row_bytes = q.columns / 2;
    blocks = of_row - first < kRun ? of_row - first : kRun;
    unrolled<kRows>([&](auto r) { values[r] = x.values(i + r) + first * kCodeBlock; });
    unrolled<kColumns>(
        [&](auto c) { codes[c] = q.codes + (j + c) * row_bytes + first * kCodeBlock / 2; });
    // In the order of the addresses, in which rows side by side are not read: so far ahead that the
    // last row is there in time.
    ahead = codes[0] + (kColumns - 1) * (first * kCodeBlock / 2 + row_bytes) + kAhead;
    for (int64_t b = 0; b < blocks; b += kLanes) {
      unrolled<kColumns>([&](auto c) {
        const int64_t block = (j + c) * of_row + first + b;
        prefetch_absmax(q, block + kScalesAhead * kColumns * of_row);
        const F32 absmax = absmax_of_run(q, block, blocks - b);
        unrolled<kRows>([&](auto r) {
          const auto of_x = load_bytes<F32>(x.scales(i + r) + first + b);
          store_bytes(scales[r][c] + b, absmax * of_x);
        });
      });
    }
  }
};

// Adds the products of a run to `totals`. Calls nothing, so that the sums stay in registers.
template <class Value, int kRows, int kColumns>
[[gnu::noinline]] static void add_run(const FourBitRun<Value, kRows, kColumns>& run,
                                      Sums<kRows, kColumns>& totals) {
  constexpr int kVectors = LookUp<Value>::kVectors;
  const LookUp<Value> look_up = run.look_up;
  F32 sums[kRows][kColumns], scales[kRows][kColumns];
  const Value* values[kRows];
  const uint8_t* codes[kColumns];
  const uint8_t* ahead = run.ahead;
  ScaleLanes lanes;
  unrolled<kColumns>([&](auto c) { codes[c] = run.codes[c]; });
  unrolled<kRows>([&](auto r) {
    values[r] = run.values[r];
    unrolled<kColumns>([&](auto c) { sums[r][c] = totals[r][c]; });
  });
  const auto add_group = [&](auto is_half) __attribute__((always_inline)) {
    unrolled<kColumns>([&](auto c) {
      prefetch_codes(ahead);
      ahead += kCodeGroup / 2;
      typename LookUp<Value>::Vector group[kVectors];
      look_up.template load<is_half>(codes[c], group);
      codes[c] += kCodeGroup / 2;
      unrolled<kRows>([&](auto r) {
        sums[r][c] += products<kVectors>(group, values[r]) * lanes.of(scales[r][c]);
      });
    });
    unrolled<kRows>([&](auto r) { values[r] += kCodeGroup; });
    lanes.to_next_group();
  };
  for (int64_t b = 0; b < run.blocks; b += kLanes) {
    unrolled<kRows>([&](auto r) {
      unrolled<kColumns>([&](auto c) { scales[r][c] = load_bytes<F32>(run.scales[r][c] + b); });
    });
    const int64_t left = run.blocks - b, count = left < kLanes ? left : kLanes;
    lanes = ScaleLanes();
    for (int64_t g = 0; g < count / kGroupBlocks; ++g) add_group(std::false_type());
    if (count % kGroupBlocks) add_group(std::true_type());
  }
  unrolled<kRows>([&](auto r) { unrolled<kColumns>([&](auto c) { totals[r][c] = sums[r][c]; }); });
}

template <class Value, int kRows, int kColumns>
static void multiply_four_bit(const QuantizedData& q, const ActivationRows<Value>& x, int64_t i,
                              int64_t j, Sums<kRows, kColumns>& sums) {
  FourBitRun<Value, kRows, kColumns> run(q.format);
  for (int64_t first = 0; first < q.columns / kCodeBlock; first += kRun) {
    run.set(q, x, i, j, first);
    add_run(run, sums);
  }
}

// As above, of int8 codes, in one go. Calls nothing, either.
template <class Value, int kRows, int kColumns>
[[gnu::noinline]] static void multiply_int8(const QuantizedData& q, const ActivationRows<Value>& x,
                                            int64_t i, int64_t j, Sums<kRows, kColumns>& totals) {
  using Vector = typename LookUp<Value>::Vector;
  constexpr int kVectors = kCodeBlock * int{sizeof(Value)} / int{sizeof(Vector)};
  F32 sums[kRows][kColumns] = {};
  const Value* values[kRows];
  const float* scales[kRows];
  unrolled<kRows>([&](auto r) {
    values[r] = x.values(i + r);
    scales[r] = x.scales(i + r);
  });
  const auto add_block = [&](const uint8_t* codes, int64_t b,
                             auto c) __attribute__((always_inline)) {
    Vector vectors[kVectors];
    load_int8(codes, vectors);
    unrolled<kRows>([&](auto r) {
      const F32 scale = splat(scales[r][b]);
      sums[r][c] += products<kVectors>(vectors, values[r] + b * kCodeBlock) * scale;
    });
  };
  const uint8_t* codes = q.codes + j * q.columns;
  const int64_t blocks = q.columns / kCodeBlock, left = q.columns % kCodeBlock;
  for (int64_t b = 0; b < blocks; ++b) {
    unrolled<kColumns>([&](auto c) {
      const uint8_t* p = codes + c * q.columns + b * kCodeBlock;
      prefetch_codes(p + kAhead);
      add_block(p, b, c);
    });
  }
  if (left > 0) {
    unrolled<kColumns>([&](auto c) {
      uint8_t part[kCodeBlock] = {};
      memcpy(part, codes + c * q.columns + blocks * kCodeBlock, static_cast<size_t>(left));
      add_block(part, blocks, c);
    });
  }
  unrolled<kRows>([&](auto r) {
    unrolled<kColumns>([&](auto c) { totals[r][c] = sums[r][c] * q.absmax[j + c]; });
  });
}

template <int kRows, int kColumns, class Value>
static void add_products(const GemmTerm& term, const ActivationRows<Value>& x, int64_t i, int64_t j,
                         float* totals) {
  const QuantizedData& q = term.quantized;
  Sums<kRows, kColumns> sums = {};
  if (is_four_bit(q)) {
    multiply_four_bit<Value, kRows, kColumns>(q, x, i, j, sums);
  } else {
    multiply_int8<Value, kRows, kColumns>(q, x, i, j, sums);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      totals[r * kFewColumns + c] += term.alpha * reduce_add(sums[r][c]);
    }
  }
}

// Two rows of W side by side, for m > 1.
template <class Value>
static void add_pair(const GemmTerm& term, const ActivationRows<Value>& x, int64_t i, int64_t m,
                     int64_t j, float* totals) {
  if (m == 2) return add_products<2, 2>(term, x, i, j, totals);
  if (m == 3) return add_products<3, 2>(term, x, i, j, totals);
  add_products<4, 2>(term, x, i, j, totals);
}

}  // namespace

bool multiplies_codes(const QuantizedData& q) {
  if (is_blocks(q.format)) return false;
  const int64_t block = int64_t{1} << q.block_shift;
  return !is_four_bit(q) || (block >= kCodeBlock && q.columns % block == 0);
}

template <class Value>
void add_code_products(const GemmTerm& term, const ActivationRows<Value>& x, int64_t i, int64_t m,
                       int64_t j, int64_t count, float* sums) {
  // Rows of W side by side share the loads of x, and what a run costs before and after its sums.
  // One after the other they are a single run of memory, which is the faster where there is little
  // else to do.
  if (m == 1 && count == kFewColumns && is_four_bit(term.quantized)) {
    return add_products<1, kFewColumns>(term, x, i, j, sums);
  }
  int64_t c = 0;
  for (; m > 1 && c + 2 <= count; c += 2) add_pair(term, x, i, m, j + c, sums + c);
  for (; c < count; ++c) {
    for (int64_t r = 0; r < m; ++r) {
      add_products<1, 1>(term, x, i + r, j + c, sums + r * kFewColumns + c);
    }
  }
}
#endif

template void add_code_products(const GemmTerm&, const ActivationRows<int16_t>&, int64_t, int64_t,
                                int64_t, int64_t, float*);
template void add_code_products(const GemmTerm&, const ActivationRows<float>&, int64_t, int64_t,
                                int64_t, int64_t, float*);

}  // namespace llft::cpu::LLFT_ISA

// Sums over rows, column by column, with the same bits for any number of threads: rows are cut into
// blocks of kColumnSumRows, each block is summed in ascending order into its own row of `partials`,
// and the blocks' sums are added in ascending order. No term passes more than kColumnSumRows +
// blocks additions.
#pragma once

#include "core/kernels/column_sums.h"
#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA::simd {

// sums[c] = (first ? 0 : sums[c]) + term(c, lanes) for each vector of columns.
template <class Term>
static inline void add_row(float* sums, int64_t columns, bool first, const Term& term) {
  if (first) {
    for_vectors(columns, [&](int64_t c, auto lanes) { store(sums + c, term(c, lanes), lanes); });
  } else {
    for_vectors(columns, [&](int64_t c, auto lanes) {
      store(sums + c, load(sums + c, lanes) + term(c, lanes), lanes);
    });
  }
}

// out[c] = sum over the blocks of partials[block, c]; overwrites. No block: zeros.
static inline void sum_blocks(const float* partials, int64_t blocks, int64_t columns, float* out,
                              ThreadPool& pool) {
  parallel_for(pool, columns, 1024, [=](int64_t begin, int64_t end) {
    for_vectors(end - begin, [=](int64_t i, auto lanes) {
      F32 sum = {};
      for (int64_t block = 0; block < blocks; ++block)
        sum += load(partials + block * columns + begin + i, lanes);
      store(out + begin + i, sum, lanes);
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA::simd

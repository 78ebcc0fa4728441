// Formula, layouts, order of summation and error bounds: attention.h.
//
//   task  = (segment, key/value head, block of queries): the group's query heads share every tile
//           of keys
//   step  = one block of keys: pack K as rows and V^T, then for each panel of columns
//           S^T = K Q^T -> online softmax -> O^T = factor * O^T + V^T P^T, all within the L1 cache
#include "core/kernels/attention.h"

#include <type_traits>

#include "cpu/kernels/attention_decode.h"
#include "cpu/kernels/attention_tiles.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {
namespace {

struct Task {
  const AttentionSegment* segment;
  int64_t kv_head;
  int64_t block;  // of queries
};

struct Buffers {
  uint32_t* q_rows;    // [columns][wide] units along Dh
  uint32_t* q_t;       // [units][columns]
  uint32_t* k_rows;    // [kAttentionKeyBlock][wide]
  uint32_t* v_across;  // [key_units][wide] units along keys
  uint32_t* v_t;       // [rows][key_units]
  float* scores;       // [kAttentionKeyBlock][kPanelColumns]
  uint32_t* p;         // [key_units][kPanelColumns] units along keys
  float* o_t;          // [rows][columns]
  float* o_rows;       // [columns][rows]
  float* top;          // [columns] largest score so far
  float* sum;          // [columns] of exponentials
  float* factor;       // [kPanelColumns]
  int32_t* positions;  // [columns]
};

static thread_local Scratch scratch;

static Buffers carve(const TileSizes& sizes) {
  Buffers b;
  scratch.carve([&](const auto& take) {
    take(b.q_rows, sizes.columns * sizes.wide);
    take(b.q_t, sizes.units * sizes.columns);
    take(b.k_rows, kAttentionKeyBlock * sizes.wide);
    take(b.v_across, sizes.key_units * sizes.wide);
    take(b.v_t, sizes.rows * sizes.key_units);
    take(b.scores, kAttentionKeyBlock * kPanelColumns);
    take(b.p, sizes.key_units * kPanelColumns);
    take(b.o_t, sizes.rows * sizes.columns);
    take(b.o_rows, sizes.columns * sizes.rows);
    take(b.top, sizes.columns);
    take(b.sum, sizes.columns);
    take(b.factor, kPanelColumns);
    take(b.positions, sizes.columns);
  });
  return b;
}

template <class Units>
struct Forward {
  using T = typename Units::T;
  static constexpr int64_t kPer = Units::kPer;

  const AttentionArgs& args;
  const AttentionShape& shape;
  const TileSizes& sizes;
  const Buffers& b;
  const AttentionSegment& segment;
  const QueryBlock queries;
  const int64_t kv_head;

  void run() const {
    load_queries();
    const int64_t end = queries.position + queries.count;  // keys
    const int64_t oldest = shape.window > 0 ? most(0, queries.position - shape.window + 1) : 0;
    for (int64_t key = oldest / kAttentionKeyBlock * kAttentionKeyBlock; key < end;
         key += kAttentionKeyBlock) {
      load_keys(key, least(kAttentionKeyBlock, end - key));
      const int64_t vectors = queries.columns / kLanes;
      const int64_t panels = (vectors + kTileVectors - 1) / kTileVectors;
      for (int64_t p = 0; p < panels; ++p) {
        run_panel(key, vectors * p / panels * kLanes, vectors * (p + 1) / panels * kLanes);
      }
    }
    store_rows();
  }

  int64_t query_row(int64_t column) const {  // of q and o, in heads
    const int64_t query = segment.query_start + queries.first + column / sizes.group;
    return query * shape.heads + kv_head * sizes.group + column % sizes.group;
  }
  const T* kv_row(const void* base, int64_t key) const {
    return static_cast<const T*>(base) +
           ((segment.key_start + key) * shape.kv_heads + kv_head) * shape.head_dim;
  }

  void load_queries() const {
    const auto row = [&](int64_t c) {
      return static_cast<const T*>(args.q) + query_row(c) * shape.head_dim;
    };
    load_rows<Units>(row, queries.count * sizes.group, queries.columns, shape.head_dim, sizes.wide,
                     b.q_rows);
    transpose_units(b.q_rows, sizes.wide, queries.columns, sizes.units, b.q_t, sizes.columns);
    memset(b.o_t, 0, static_cast<size_t>(sizes.rows * sizes.columns) * 4);
    for (int64_t c = 0; c < queries.columns; ++c) {
      b.top[c] = kLowest;
      b.sum[c] = 0.0f;
      b.positions[c] =
          static_cast<int32_t>(queries.position + least(c / sizes.group, queries.count - 1));
    }
  }

  void load_keys(int64_t key, int64_t count) const {
    const int64_t rows = round_up(count, kKeyGroup);
    const auto row_of = [&](const void* base) {
      return [this, base, key](int64_t i) { return kv_row(base, key + i); };
    };
    load_rows<Units>(row_of(args.k), count, rows, shape.head_dim, sizes.wide, b.k_rows);
    load_across<Units>(row_of(args.v), count, rows, shape.head_dim, sizes.wide, b.v_across);
    transpose_keys(sizes, b.v_across, rows / kPer, b.v_t);
  }

  void run_panel(int64_t key, int64_t begin, int64_t end) const {
    const KeyRange keys = visible_keys(queries, sizes.group, shape.window, begin, end, key);
    if (keys.low >= keys.high) return;
    const int64_t vectors = (end - begin) / kLanes;
    TileProduct scores{b.k_rows + keys.low * sizes.wide,
                       sizes.wide,
                       b.q_t + begin,
                       sizes.columns,
                       sizes.units,
                       b.scores,
                       kPanelColumns,
                       keys.high - keys.low,
                       vectors};
    tile_product(Units::kPairs, TileStore::kSet, scores);
    const bool mask = needs_mask(queries, sizes.group, shape.window, begin, end, key, keys);
    for (int64_t v = 0; v < vectors; ++v) {
      if (mask) {
        softmax<true>(key + keys.low, keys.high - keys.low, begin, v * kLanes);
      } else {
        softmax<false>(key + keys.low, keys.high - keys.low, begin, v * kLanes);
      }
    }
    TileProduct values{b.v_t + keys.low / kPer,
                       sizes.key_units,
                       b.p,
                       kPanelColumns,
                       (keys.high - keys.low) / kPer,
                       b.o_t + begin,
                       sizes.columns,
                       sizes.rows,
                       vectors,
                       b.factor};
    tile_product(Units::kPairs, TileStore::kScaleAdd, values);
  }

  // One vector of columns of the panel at `begin`: exponentials against the new maximum, and what
  // the old sums are multiplied by.
  template <bool kMasked>
  void softmax(int64_t key, int64_t rows, int64_t begin, int64_t lane) const {
    const float* const s = b.scores + lane;
    const int64_t column = begin + lane;
    const I32 positions = simd::load(b.positions + column);
    const F32 before = simd::load(b.top + column);
    F32 top = before;
    for (int64_t r = 0; r < rows; ++r) {
      F32 x = simd::load(s + r * kPanelColumns);
      if constexpr (kMasked) x = simd::select(visible(positions, key + r, shape.window), x, top);
      top = simd::max(x, top);
    }
    const float scale = shape.scale * kLog2E;
    const F32 factor = exp2((before - top) * scale);
    const F32 offset = top * scale;
    F32 sum = {};
    const auto exponential = [&](int64_t r) __attribute__((always_inline)) {
      F32 e = exp2(simd::load(s + r * kPanelColumns) * scale - offset);
      if constexpr (kMasked) e = simd::select(visible(positions, key + r, shape.window), e, F32{});
      sum += e;
      return e;
    };
    for (int64_t r = 0; r < rows; r += kPer) {
      const F32 first = exponential(r);
      uint32_t* const out = b.p + r / kPer * kPanelColumns + lane;
#if defined(__AVX512BF16__)
      if constexpr (Units::kPairs) {
        simd::store(out, round_pairs(first, exponential(r + 1)).across);
        continue;
      }
#endif
      simd::store(out, simd::bit_cast<U32>(first));
    }
    simd::store(b.top + column, top);
    simd::store(b.sum + column, simd::load(b.sum + column) * factor + sum);
    simd::store(b.factor + lane, factor);
  }

  void store_rows() const {
    for (int64_t c = 0; c < queries.columns; c += kLanes) {
      const F32 sum = simd::load(b.sum + c);
      const F32 inverse = 1.0f / sum;
      for (int64_t d = 0; d < shape.head_dim; ++d) {
        float* const o = b.o_t + d * sizes.columns + c;
        simd::store(o, simd::load(o) * inverse);
      }
      simd::store(b.sum + c, simd::load(b.top + c) * shape.scale + log(sum));
    }
    transpose_units(reinterpret_cast<uint32_t*>(b.o_t), sizes.columns, sizes.rows, queries.columns,
                    reinterpret_cast<uint32_t*>(b.o_rows), sizes.rows);
    for (int64_t c = 0; c < queries.count * sizes.group; ++c) {
      const int64_t row = query_row(c);
      T* const o = static_cast<T*>(args.o) + row * shape.head_dim;
      const float* const from = b.o_rows + c * sizes.rows;
      simd::for_vectors(shape.head_dim, [&](int64_t i, auto lanes) {
        simd::store(o + i, simd::load(from + i, lanes), lanes);
      });
      args.lse[row] = b.sum[c];
    }
  }
};

}  // namespace

void attention(const AttentionArgs& args, ThreadPool& pool) {
  const AttentionShape& shape = args.shape;
  if (shape.tokens == 0 || shape.heads == 0 || shape.head_dim == 0) return;
  std::vector<std::pair<int64_t, int64_t>> covered;
  for (const AttentionSegment& s : shape.segments)
    covered.emplace_back(s.query_start, s.query_count);
  const size_t row_bytes = static_cast<size_t>(shape.heads * shape.head_dim) * size_of(shape.dtype);
  clear_uncovered(args.o, row_bytes, shape.tokens, covered);
  clear_uncovered(args.lse, static_cast<size_t>(shape.heads) * 4, shape.tokens, covered);

  attention_decode(args, pool);
  with_units(shape.dtype, [&](auto units) {
    using Units = decltype(units);
    const TileSizes sizes(shape, Units::kPer);
    std::vector<Task> tasks;  // the longest first: the last blocks of queries
    int64_t blocks = 0;
    for (const AttentionSegment& s : shape.segments) {
      blocks = most(blocks, round_up(s.query_count, sizes.query_block) / sizes.query_block);
    }
    for (int64_t block = blocks - 1; block >= 0; --block) {
      for (const AttentionSegment& s : shape.segments) {
        if (is_decode(s) || block * sizes.query_block >= s.query_count) continue;
        for (int64_t h = 0; h < shape.kv_heads; ++h) tasks.push_back({&s, h, block});
      }
    }
    pool.run(static_cast<int64_t>(tasks.size()), [&](int64_t i) {
      const Task& task = tasks[static_cast<size_t>(i)];
      const Buffers buffers = carve(sizes);
      const QueryBlock queries = query_block_at(*task.segment, sizes, task.block);
      Forward<Units>{args, shape, sizes, buffers, *task.segment, queries, task.kv_head}.run();
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA

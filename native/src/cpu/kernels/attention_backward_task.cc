// Products, layouts and order of summation: attention_backward_task.h.
#include "cpu/kernels/attention_backward_task.h"

#include <type_traits>

#include "cpu/kernels/attention_tiles.h"

namespace llft::cpu::LLFT_ISA {
namespace {

struct Buffers {
  uint32_t* rows;         // [max(columns, kAttentionKeyBlock)][wide] units along Dh, passing
  uint32_t* q_t;          // [units][columns]
  uint32_t* dout_t;       // [units][columns]
  uint32_t* q_across;     // [columns / per][wide] units along columns
  uint32_t* dout_across;  // [columns / per][wide]
  uint32_t* k_rows;       // [kAttentionKeyBlock][wide]
  uint32_t* v_rows;       // [kAttentionKeyBlock][wide]
  uint32_t* k_across;     // [key_units][wide] units along keys
  uint32_t* k_t;          // [rows][key_units]
  float* scores;          // [kAttentionKeyBlock][kPanelColumns]
  float* dp;              // [kAttentionKeyBlock][kPanelColumns]
  uint32_t* p_rows;       // [kAttentionKeyBlock][columns / per] units along columns
  uint32_t* ds_rows;      // [kAttentionKeyBlock][columns / per]
  uint32_t* ds_across;    // [key_units][kPanelColumns] units along keys
  float* dq_t;            // [rows][columns]
  float* dq_rows;         // [columns][rows]
  float* lse;             // [columns] times log2(e)
  float* delta;           // [columns]
  int32_t* positions;     // [columns]
  float* dk;              // [keys of the task, in whole blocks][wide]
  float* dv;
};

static thread_local Scratch scratch;

static Buffers carve(const TileSizes& sizes, int64_t per, int64_t keys) {
  Buffers b;
  scratch.carve([&](const auto& take) {
    const int64_t column_units = sizes.columns / per;
    take(b.rows, most(sizes.columns, kAttentionKeyBlock) * sizes.wide);
    take(b.q_t, sizes.units * sizes.columns);
    take(b.dout_t, sizes.units * sizes.columns);
    take(b.q_across, column_units * sizes.wide);
    take(b.dout_across, column_units * sizes.wide);
    take(b.k_rows, kAttentionKeyBlock * sizes.wide);
    take(b.v_rows, kAttentionKeyBlock * sizes.wide);
    take(b.k_across, sizes.key_units * sizes.wide);
    take(b.k_t, sizes.rows * sizes.key_units);
    take(b.scores, kAttentionKeyBlock * kPanelColumns);
    take(b.dp, kAttentionKeyBlock * kPanelColumns);
    take(b.p_rows, kAttentionKeyBlock * column_units);
    take(b.ds_rows, kAttentionKeyBlock * column_units);
    take(b.ds_across, sizes.key_units * kPanelColumns);
    take(b.dq_t, sizes.rows * sizes.columns);
    take(b.dq_rows, sizes.columns * sizes.rows);
    take(b.lse, sizes.columns);
    take(b.delta, sizes.columns);
    take(b.positions, sizes.columns);
    take(b.dk, keys * sizes.wide);
    take(b.dv, keys * sizes.wide);
  });
  return b;
}

template <class Units>
struct Backward {
  using T = typename Units::T;
  static constexpr int64_t kPer = Units::kPer;

  const AttentionBackwardArgs& args;
  const AttentionShape& shape;
  const TileSizes& sizes;
  const Buffers& b;
  const BackwardTask& task;
  const AttentionSegment& segment;
  QueryBlock queries;

  void run() {
    const int64_t first_key = task.key_blocks.begin * kAttentionKeyBlock;
    const int64_t keys =
        least(task.key_blocks.end * kAttentionKeyBlock, segment.key_count) - first_key;
    if (task.want_dkv) {
      memset(b.dk, 0, static_cast<size_t>(round_up(keys, kAttentionKeyBlock) * sizes.wide) * 4);
      memset(b.dv, 0, static_cast<size_t>(round_up(keys, kAttentionKeyBlock) * sizes.wide) * 4);
    }
    for (int64_t block = task.query_blocks.begin; block < task.query_blocks.end; ++block) {
      queries = query_block_at(segment, sizes, block);
      const int64_t end = queries.position + queries.count;
      const int64_t oldest = shape.window > 0 ? most(0, queries.position - shape.window + 1) : 0;
      const int64_t begin_key =
          most(oldest / kAttentionKeyBlock, task.key_blocks.begin) * kAttentionKeyBlock;
      const int64_t end_key = least(end, task.key_blocks.end * kAttentionKeyBlock);
      if (begin_key >= end_key) continue;
      load_queries();
      for (int64_t key = begin_key; key < end_key; key += kAttentionKeyBlock) {
        load_keys(key, least(kAttentionKeyBlock, end - key));
        run_tile(key, (key - first_key) * sizes.wide);
      }
      if (task.want_dq) store_dq();
    }
    if (task.want_dkv) store_dkv(first_key, keys);
  }

  int64_t query_row(int64_t column) const {  // of q and dout, in heads
    const int64_t query = segment.query_start + queries.first + column / sizes.group;
    return query * shape.heads + task.kv_head * sizes.group + column % sizes.group;
  }
  int64_t kv_row(int64_t key) const {  // in heads
    return (segment.key_start + key) * shape.kv_heads + task.kv_head;
  }

  void load_queries() const {
    const int64_t filled = queries.count * sizes.group;
    load_query_rows(args.q, filled, b.q_t, b.q_across);
    load_query_rows(args.dout, filled, b.dout_t, b.dout_across);
    for (int64_t c = 0; c < queries.columns; ++c) {
      const int64_t row = c < filled ? query_row(c) : 0;
      b.lse[c] = c < filled ? args.lse[row] * kLog2E : 0.0f;
      b.delta[c] = c < filled ? args.delta[row] : 0.0f;
      b.positions[c] =
          static_cast<int32_t>(queries.position + least(c / sizes.group, queries.count - 1));
    }
    if (task.want_dq) memset(b.dq_t, 0, static_cast<size_t>(sizes.rows * sizes.columns) * 4);
  }

  void load_query_rows(const void* base, int64_t filled, uint32_t* transposed,
                       uint32_t* across) const {
    const auto row = [&](int64_t c) {
      return static_cast<const T*>(base) + query_row(c) * shape.head_dim;
    };
    load_rows<Units>(row, filled, queries.columns, shape.head_dim, sizes.wide, b.rows);
    transpose_units(b.rows, sizes.wide, queries.columns, sizes.units, transposed, sizes.columns);
    if (!task.want_dkv) return;
    load_across<Units>(row, filled, queries.columns, shape.head_dim, sizes.wide, across);
  }

  void load_keys(int64_t key, int64_t count) const {
    const int64_t rows = round_up(count, kKeyGroup);
    const auto row_of = [&](const void* base) {
      return [this, base, key](int64_t i) {
        return static_cast<const T*>(base) + kv_row(key + i) * shape.head_dim;
      };
    };
    load_rows<Units>(row_of(args.k), count, rows, shape.head_dim, sizes.wide, b.k_rows);
    load_rows<Units>(row_of(args.v), count, rows, shape.head_dim, sizes.wide, b.v_rows);
    if (!task.want_dq) return;
    load_across<Units>(row_of(args.k), count, rows, shape.head_dim, sizes.wide, b.k_across);
    transpose_keys(sizes, b.k_across, rows / kPer, b.k_t);
  }

  // `kv_offset`: of the block of keys in dk and dv.
  void run_tile(int64_t key, int64_t kv_offset) const {
    constexpr int64_t kGroups = kAttentionKeyBlock / kKeyGroup;
    BlockRange columns_of[kGroups] =
        {};  // that see some key of the group: panels that follow each other
    const int64_t vectors = queries.columns / kLanes;
    const int64_t panels = (vectors + kTileVectors - 1) / kTileVectors;
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t begin = vectors * p / panels * kLanes;
      const int64_t end = vectors * (p + 1) / panels * kLanes;
      const KeyRange keys = visible_keys(queries, sizes.group, shape.window, begin, end, key);
      if (keys.low >= keys.high) continue;
      run_panel(key, keys, begin, end);
      for (int64_t g = keys.low / kKeyGroup; g < keys.high / kKeyGroup; ++g) {
        if (columns_of[g].end == 0) columns_of[g].begin = begin;
        columns_of[g].end = end;
      }
    }
    if (!task.want_dkv) return;
    for (int64_t g = 0; g < kGroups; ++g) {
      add_key_gradient(b.p_rows, b.dout_across, g * kKeyGroup, columns_of[g], b.dv + kv_offset);
      add_key_gradient(b.ds_rows, b.q_across, g * kKeyGroup, columns_of[g], b.dk + kv_offset);
    }
  }

  void add_key_gradient(const uint32_t* weights, const uint32_t* rows, int64_t key,
                        BlockRange columns, float* sums) const {
    if (columns.end == 0) return;
    const int64_t stride = sizes.columns / kPer;
    const int64_t first = columns.begin / kPer;
    tile_product(Units::kPairs, TileStore::kAdd,
                 {weights + key * stride + first, stride, rows + first * sizes.wide, sizes.wide,
                  (columns.end - columns.begin) / kPer, sums + key * sizes.wide, sizes.wide,
                  kKeyGroup, sizes.wide / kLanes});
  }

  void run_panel(int64_t key, KeyRange keys, int64_t begin, int64_t end) const {
    const int64_t rows = keys.high - keys.low;
    const int64_t vectors = (end - begin) / kLanes;
    tile_product(Units::kPairs, TileStore::kSet,
                 {b.k_rows + keys.low * sizes.wide, sizes.wide, b.q_t + begin, sizes.columns,
                  sizes.units, b.scores, kPanelColumns, rows, vectors});
    tile_product(Units::kPairs, TileStore::kSet,
                 {b.v_rows + keys.low * sizes.wide, sizes.wide, b.dout_t + begin, sizes.columns,
                  sizes.units, b.dp, kPanelColumns, rows, vectors});
    const bool mask = needs_mask(queries, sizes.group, shape.window, begin, end, key, keys);
    for (int64_t v = 0; v < vectors; ++v) {
      if (mask) {
        differentiate<true>(key, keys, begin, v * kLanes);
      } else {
        differentiate<false>(key, keys, begin, v * kLanes);
      }
    }
    if (!task.want_dq) return;
    tile_product(Units::kPairs, TileStore::kAdd,
                 {b.k_t + keys.low / kPer, sizes.key_units, b.ds_across, kPanelColumns, rows / kPer,
                  b.dq_t + begin, sizes.columns, sizes.rows, vectors});
  }

  // P and dS of one vector of columns of the panel at `begin`.
  template <bool kMasked>
  void differentiate(int64_t key, KeyRange keys, int64_t begin, int64_t lane) const {
    const int64_t column = begin + lane;
    const int64_t stride = sizes.columns / kPer;
    const I32 positions = simd::load(b.positions + column);
    const F32 lse = simd::load(b.lse + column);
    const F32 delta = simd::load(b.delta + column);
    const float scale = shape.scale * kLog2E;
    for (int64_t r = 0; r < keys.high - keys.low; r += kPer) {
      F32 p[kPer], ds[kPer];
      for (int64_t i = 0; i < kPer; ++i) {
        const int64_t at = (r + i) * kPanelColumns + lane;
        p[i] = exp2(simd::load(b.scores + at) * scale - lse);
        if constexpr (kMasked) {
          p[i] =
              simd::select(visible(positions, key + keys.low + r + i, shape.window), p[i], F32{});
        }
        ds[i] = p[i] * (simd::load(b.dp + at) - delta);
      }
      uint32_t* const p_row = b.p_rows + (keys.low + r) * stride + column / kPer;
      uint32_t* const ds_row = b.ds_rows + (keys.low + r) * stride + column / kPer;
      uint32_t* const across = b.ds_across + r / kPer * kPanelColumns + lane;
#if defined(__AVX512BF16__)
      if constexpr (Units::kPairs) {
        store_pair(round_pairs(p[0], p[1]).rows, p_row, stride);
        const PairVectors pairs = round_pairs(ds[0], ds[1]);
        store_pair(pairs.rows, ds_row, stride);
        simd::store(across, pairs.across);
        continue;
      }
#endif
      simd::store(p_row, simd::bit_cast<U32>(p[0]));
      simd::store(ds_row, simd::bit_cast<U32>(ds[0]));
      simd::store(across, simd::bit_cast<U32>(ds[0]));
    }
  }

  // The halves of `rows` are kLanes / 2 units of two rows.
  static void store_pair(U32 rows, uint32_t* row, int64_t stride) {
    constexpr size_t half = sizeof(U32) / 2;
    memcpy(row, &rows, half);
    memcpy(row + stride, reinterpret_cast<const char*>(&rows) + half, half);
  }

  void store_dq() const {
    transpose_units(reinterpret_cast<uint32_t*>(b.dq_t), sizes.columns, sizes.rows, queries.columns,
                    reinterpret_cast<uint32_t*>(b.dq_rows), sizes.rows);
    for (int64_t c = 0; c < queries.count * sizes.group; ++c) {
      store_scaled(b.dq_rows + c * sizes.rows, shape.scale,
                   static_cast<T*>(args.dq) + query_row(c) * shape.head_dim);
    }
  }

  void store_dkv(int64_t first_key, int64_t keys) const {
    for (int64_t i = 0; i < keys; ++i) {
      const int64_t at = kv_row(first_key + i) * shape.head_dim;
      store_scaled(b.dk + i * sizes.wide, shape.scale, static_cast<T*>(args.dk) + at);
      store_scaled(b.dv + i * sizes.wide, 1.0f, static_cast<T*>(args.dv) + at);
    }
  }

  void store_scaled(const float* from, float factor, T* to) const {
    simd::for_vectors(shape.head_dim, [&](int64_t i, auto lanes) {
      simd::store(to + i, simd::load(from + i, lanes) * factor, lanes);
    });
  }
};

}  // namespace

void run_backward_task(const AttentionBackwardArgs& args, const BackwardTask& task) {
  with_units(args.shape.dtype, [&](auto units) {
    using Units = decltype(units);
    const TileSizes sizes(args.shape, Units::kPer);
    const int64_t blocks = task.want_dkv ? task.key_blocks.end - task.key_blocks.begin : 0;
    const Buffers buffers = carve(sizes, Units::kPer, blocks * kAttentionKeyBlock);
    Backward<Units>{args, args.shape, sizes, buffers, task, *task.segment, {}}.run();
  });
}

}  // namespace llft::cpu::LLFT_ISA

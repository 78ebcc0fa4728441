// Formula, order of summation and error: attention_decode.h.
#include "cpu/kernels/attention_decode.h"

#include <cmath>
#include <type_traits>
#include <utility>

#include "cpu/kernels/attention_tiles.h"

namespace llft::cpu::LLFT_ISA {
namespace {

constexpr int64_t kDecodeChunk = 256;  // keys; a multiple of kLanes
constexpr int64_t kAhead = 8;          // keys
constexpr int64_t kDecodeHeads = 4;    // query heads that share the loads of a key
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int64_t kDecodeVectors = 4;  // of a value row that stay in registers for each of them
#else
constexpr int64_t kDecodeVectors = 2;
#endif

struct Task {
  const AttentionSegment* segment;
  int64_t kv_head;
  int64_t begin;  // keys
  int64_t end;
  float* partial;  // [group][kPartialRow + Dh]
};

// What a chunk leaves behind for one query head: m, l, then o [Dh].
constexpr int64_t kPartialTop = 0, kPartialSum = 1, kPartialRow = 2;

static thread_local Scratch scratch;

template <class Units>
static inline F32 multiply_add(F32 sum, U32 a, U32 b) {
#if defined(__AVX512BF16__)
  if constexpr (Units::kPairs) return (F32)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#endif
  return sum + simd::bit_cast<F32>(a) * simd::bit_cast<F32>(b);
}

// kLanes units along Dh of a stored row, of which `count` elements exist.
template <class Units>
static inline U32 load_units(const typename Units::T* p, int64_t count) {
  if constexpr (Units::kPairs) {
    if (count >= kLanes * 2) return simd::load_bytes<U32>(p);
    U32 v = {};
    memcpy(&v, p, static_cast<size_t>(count) * 2);
    return v;
  } else {
    return simd::bit_cast<U32>(simd::load_n(p, least(count, kLanes)));
  }
}

// Lane j of the result: a's halves (lanes kStep apart) where (j & kStep) is 0, else b's.
template <int kStep, int... kLane>
static inline F32 add_halves(F32 a, F32 b, std::integer_sequence<int, kLane...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, ((kLane & kStep) ? kLanes + kLane - kStep : kLane)...) +
         __builtin_shufflevector(a, b, ((kLane & kStep) ? kLanes + kLane : kLane + kStep)...);
#else
  return __builtin_shuffle(a, b, I32{((kLane & kStep) ? kLanes + kLane - kStep : kLane)...}) +
         __builtin_shuffle(a, b, I32{((kLane & kStep) ? kLanes + kLane : kLane + kStep)...});
#endif
}

// Lane i of the result is the sum of the lanes of parts[i], in the order of simd::reduce_add.
template <int kStep = kLanes / 2>
static inline F32 add_lanes(const F32* parts) {
  F32 halves[kStep];
  for (int i = 0; i < kStep; ++i) {
    halves[i] =
        add_halves<kStep>(parts[i], parts[i + kStep], std::make_integer_sequence<int, kLanes>());
  }
  if constexpr (kStep == 1) {
    return halves[0];
  } else {
    return add_lanes<kStep / 2>(halves);
  }
}

template <class Units>
struct Decode {
  using T = typename Units::T;

  const AttentionArgs& args;
  const AttentionShape& shape;
  const Task& task;
  int64_t group;
  int64_t wide;   // units of a row in whole vectors
  uint32_t* q;    // [group][wide]
  float* scores;  // [group][kDecodeChunk], then their exponentials

  void run() const {
    load_query();
    const int64_t parts = (group + kDecodeHeads - 1) / kDecodeHeads;
    for (int64_t p = 0; p < parts; ++p) {
      const int64_t head = group * p / parts;
      with_heads(group * (p + 1) / parts - head,
                 [&](auto heads) { this->template score<heads.value>(head); });
    }
    for (int64_t head = 0; head < group; ++head) exponentiate(head);
    for (int64_t p = 0; p < parts; ++p) {
      const int64_t head = group * p / parts;
      with_heads(group * (p + 1) / parts - head,
                 [&](auto heads) { this->template add_values<heads.value>(head); });
    }
  }

  template <class Body>
  static void with_heads(int64_t heads, const Body& body) {
    switch (heads) {
      case 1:
        return body(std::integral_constant<int, 1>());
      case 2:
        return body(std::integral_constant<int, 2>());
      case 3:
        return body(std::integral_constant<int, 3>());
      default:
        return body(std::integral_constant<int, 4>());
    }
  }

  int64_t stride() const { return kPartialRow + shape.head_dim; }
  const T* row(const void* base, int64_t key) const {
    const int64_t at = (task.segment->key_start + key) * shape.kv_heads + task.kv_head;
    return static_cast<const T*>(base) + at * shape.head_dim;
  }

  // Rows of one head lie Hkv rows apart, too far for the machine to foresee: ask for a row some
  // keys ahead.
  void prefetch(const void* base, int64_t key) const {
    if (key >= task.end) return;
    const char* const p = reinterpret_cast<const char*>(row(base, key));
    for (int64_t at = 0; at < shape.head_dim * static_cast<int64_t>(sizeof(T)); at += 64)
      __builtin_prefetch(p + at);
  }

  void load_query() const {
    const int64_t head = task.segment->query_start * shape.heads + task.kv_head * group;
    for (int64_t g = 0; g < group; ++g) {
      row_units<Units>(static_cast<const T*>(args.q) + (head + g) * shape.head_dim, shape.head_dim,
                       wide, q + g * wide);
    }
  }

  template <int kHeads>
  __attribute__((noinline)) void score(int64_t head) const {
    constexpr int64_t kStep = kLanes * Units::kPer;
    const uint32_t* const query = q + head * wide;
    const int64_t whole = shape.head_dim / kStep * kStep;
    F32 parts[kHeads][kLanes] = {};
    for (int64_t first = task.begin; first < task.end; first += kLanes) {
      const int64_t count = least(kLanes, task.end - first);
      for (int64_t i = 0; i < count; ++i) {
        prefetch(args.k, first + i + kAhead);
        const T* const k = row(args.k, first + i);
        F32 sum[kHeads] = {};
        for (int64_t d = 0; d < whole; d += kStep) {
          add_products<kHeads>(query + d / Units::kPer, load_units<Units>(k + d, kStep), sum);
        }
        if (whole < shape.head_dim) {
          add_products<kHeads>(query + whole / Units::kPer,
                               load_units<Units>(k + whole, shape.head_dim - whole), sum);
        }
        for (int h = 0; h < kHeads; ++h) parts[h][i] = sum[h];
      }
      for (int h = 0; h < kHeads; ++h) {
        simd::store(scores + (head + h) * kDecodeChunk + first - task.begin, add_lanes(parts[h]));
      }
    }
  }

  template <int kHeads>
  __attribute__((always_inline)) void add_products(const uint32_t* query, U32 column,
                                                   F32 (&sum)[kHeads]) const {
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; ++h)
      sum[h] = multiply_add<Units>(sum[h], simd::load(query + h * wide), column);
  }

  void exponentiate(int64_t head) const {
    float* const s = scores + head * kDecodeChunk;
    const int64_t count = task.end - task.begin;
    for (int64_t i = count; i < round_up(count, kLanes); ++i) s[i] = -INFINITY;
    F32 tops = simd::splat(kLowest);
    for (int64_t i = 0; i < count; i += kLanes) tops = simd::max(simd::load(s + i), tops);
    const float top = simd::reduce_max(tops);
    const float scale = shape.scale * kLog2E;
    F32 sum = {};
    for (int64_t i = 0; i < count; i += kLanes) {
      F32 e = exp2((simd::load(s + i) - top) * scale);
      e = simd::select(simd::lanes_below(static_cast<int>(least(count - i, kLanes))), e, F32{});
      simd::store(s + i, e);
      sum += e;
    }
    float* const partial = task.partial + head * stride();
    partial[kPartialTop] = top;
    partial[kPartialSum] = simd::reduce_add(sum);
  }

  template <int kHeads>
  void add_values(int64_t head) const {
    constexpr int64_t kColumns = kDecodeVectors * kLanes;
    int64_t d = 0;
    for (; d + kColumns <= shape.head_dim; d += kColumns)
      add_columns<kHeads, kDecodeVectors>(head, d, kColumns);
    for (; d + kLanes <= shape.head_dim; d += kLanes) add_columns<kHeads, 1>(head, d, kLanes);
    if (d < shape.head_dim) add_columns<kHeads, 1>(head, d, shape.head_dim - d);
  }

  template <int kHeads, int kVectors>
  __attribute__((noinline)) void add_columns(int64_t head, int64_t column, int64_t count) const {
    F32 sum[kHeads][kVectors] = {};
    for (int64_t key = task.begin; key < task.end; ++key) {
      if (column == 0) prefetch(args.v, key + kAhead);
      const T* const v = row(args.v, key) + column;
      F32 value[kVectors];
      for (int i = 0; i < kVectors; ++i)
        value[i] = simd::load_n(v + i * kLanes, kVectors > 1 ? kLanes : count);
      for (int h = 0; h < kHeads; ++h) {
        const float weight = scores[(head + h) * kDecodeChunk + key - task.begin];
        for (int i = 0; i < kVectors; ++i)
          sum[h][i] = simd::fma(value[i], simd::splat(weight), sum[h][i]);
      }
    }
    for (int h = 0; h < kHeads; ++h) {
      float* const out = task.partial + (head + h) * stride() + kPartialRow + column;
      for (int i = 0; i < kVectors; ++i)
        simd::store_n(out + i * kLanes, sum[h][i], kVectors > 1 ? kLanes : count);
    }
  }
};

// Chunk by chunk, a chunk's heads one after another: their rows are neighbours in memory.
static std::vector<Task> plan(const AttentionShape& shape, std::vector<float>& partials) {
  const int64_t size = shape.heads / shape.kv_heads * (kPartialRow + shape.head_dim);
  std::vector<Task> tasks;
  for (const AttentionSegment& s : shape.segments) {
    if (!is_decode(s)) continue;
    const int64_t oldest = shape.window > 0 ? most(0, s.key_count - shape.window) : 0;
    for (int64_t key = oldest / kDecodeChunk * kDecodeChunk; key < s.key_count;
         key += kDecodeChunk) {
      for (int64_t h = 0; h < shape.kv_heads; ++h) {
        tasks.push_back(
            {&s, h, most(key, oldest), least(key + kDecodeChunk, s.key_count), nullptr});
      }
    }
  }
  partials.resize(tasks.size() * static_cast<size_t>(size));
  for (size_t i = 0; i < tasks.size(); ++i)
    tasks[i].partial = partials.data() + static_cast<int64_t>(i) * size;
  return tasks;
}

// The chunks of one segment and key/value head, from `first` every kv_heads-th task before `last`;
// query head `head` of the group. The sum takes the first chunk's place.
template <class T>
static void combine(const AttentionArgs& args, const Task* first, const Task* last, int64_t head) {
  const AttentionShape& shape = args.shape;
  const int64_t stride = kPartialRow + shape.head_dim;
  const auto partial_of = [&](const Task& task) { return task.partial + head * stride; };
  float top = kLowest;
  for (const Task* t = first; t < last; t += shape.kv_heads)
    top = partial_of(*t)[kPartialTop] > top ? partial_of(*t)[kPartialTop] : top;
  const float scale = shape.scale * kLog2E;
  float* const total = partial_of(*first);
  for (const Task* t = first; t < last; t += shape.kv_heads) {
    const float* const partial = partial_of(*t);
    const float factor = exp2(simd::splat((partial[kPartialTop] - top) * scale))[0];
    simd::for_vectors(stride - kPartialSum, [&](int64_t i, auto lanes) {
      const F32 part = simd::load(partial + kPartialSum + i, lanes) * factor;
      simd::store(total + kPartialSum + i,
                  t == first ? part : simd::load(total + kPartialSum + i, lanes) + part, lanes);
    });
  }
  const int64_t group = shape.heads / shape.kv_heads;
  const int64_t row = first->segment->query_start * shape.heads + first->kv_head * group + head;
  const float sum = total[kPartialSum];
  const float inverse = 1.0f / sum;
  T* const o = static_cast<T*>(args.o) + row * shape.head_dim;
  simd::for_vectors(shape.head_dim, [&](int64_t i, auto lanes) {
    simd::store(o + i, simd::load(total + kPartialRow + i, lanes) * inverse, lanes);
  });
  args.lse[row] = top * shape.scale + log(simd::splat(sum))[0];
}

}  // namespace

void attention_decode(const AttentionArgs& args, ThreadPool& pool) {
  const AttentionShape& shape = args.shape;
  std::vector<float> partials;
  const std::vector<Task> tasks = plan(shape, partials);
  if (tasks.empty()) return;
  const int64_t group = shape.heads / shape.kv_heads;
  with_units(shape.dtype, [&](auto units) {
    using Units = decltype(units);
    const int64_t wide = round_up((shape.head_dim + Units::kPer - 1) / Units::kPer, kLanes);
    pool.run(static_cast<int64_t>(tasks.size()), [&](int64_t i) {
      uint32_t* q = nullptr;
      float* scores = nullptr;
      scratch.carve([&](const auto& take) {
        take(q, group * wide);
        take(scores, group * kDecodeChunk);
      });
      Decode<Units>{args, shape, tasks[static_cast<size_t>(i)], group, wide, q, scores}.run();
    });
    const Task* const end = tasks.data() + tasks.size();
    for (const Task* first = tasks.data(); first < end;) {
      const Task* last = first;
      while (last < end && last->segment == first->segment) ++last;
      for (int64_t h = 0; h < shape.kv_heads; ++h) {
        for (int64_t head = 0; head < group; ++head)
          combine<typename Units::T>(args, first + h, last, head);
      }
      first = last;
    }
  });
}

}  // namespace llft::cpu::LLFT_ISA

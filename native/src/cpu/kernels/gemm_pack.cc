#include "cpu/kernels/gemm_pack.h"

#include <type_traits>
#include <utility>

#include "cpu/kernels/expand_quantized.h"
#include "cpu/kernels/gemm_micro.h"
#include "cpu/simd/vec.h"

namespace llft::cpu::LLFT_ISA {
namespace {

static inline int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

template <int kStep, int... kLane>
static inline void swap_halves(U32& low, U32& high, std::integer_sequence<int, kLane...>) {
#if defined(__clang__)
  const U32 a =
      __builtin_shufflevector(low, high, ((kLane & kStep) ? kLanes + kLane - kStep : kLane)...);
  high = __builtin_shufflevector(low, high, ((kLane & kStep) ? kLanes + kLane : kLane + kStep)...);
#else
  const U32 a =
      __builtin_shuffle(low, high, U32{((kLane & kStep) ? kLanes + kLane - kStep : kLane)...});
  high = __builtin_shuffle(low, high, U32{((kLane & kStep) ? kLanes + kLane : kLane + kStep)...});
#endif
  low = a;
}

template <int kStep>
static inline void transpose_steps(U32 (&tile)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (!(i & kStep)) {
      swap_halves<kStep>(tile[i], tile[i + kStep], std::make_integer_sequence<int, kLanes>());
    }
  }
  if constexpr (kStep > 1) transpose_steps<kStep / 2>(tile);
}

static inline void transpose(U32 (&tile)[kLanes]) { transpose_steps<kLanes / 2>(tile); }

constexpr int64_t kAhead = 16;  // units from what is packed to what is prefetched

template <GemmPacking P>
constexpr int64_t kElement = P == GemmPacking::kFloat ? 4 : 2;
template <GemmPacking P>
constexpr int64_t kUnit = P == GemmPacking::kPairs ? 2 : 1;

static inline U32 interleave(U16 first, U16 second) {
  return __builtin_convertvector(first, U32) | (__builtin_convertvector(second, U32) << 16);
}

// kLanes units of one line stored along k; `depth` elements are there.
template <GemmPacking P>
static inline U32 load_along_k(const char* p, int64_t depth) {
  constexpr int64_t full = kLanes * kUnit<P>;
  if constexpr (P == GemmPacking::kWidened) {
    return widen_bits(depth >= full ? load_bytes<U16>(p) : load_part<U16>(p, depth * 2));
  } else {
    return depth >= full ? load_bytes<U32>(p) : load_part<U32>(p, depth * kElement<P>);
  }
}

template <class V>
static inline V load_lines(const char* p, int64_t lines, int64_t element) {
  return lines >= kLanes ? load_bytes<V>(p) : load_part<V>(p, lines * element);
}

// One unit of kLanes lines stored across: p at (k, line), `lines` and `depth` are there.
template <GemmPacking P>
static inline U32 load_across(const char* p, int64_t row_bytes, int64_t lines, int64_t depth) {
  if constexpr (P == GemmPacking::kFloat) return load_lines<U32>(p, lines, 4);
  const U16 first = load_lines<U16>(p, lines, 2);
  if constexpr (P == GemmPacking::kWidened) return widen_bits(first);
  return interleave(first, depth > 1 ? load_lines<U16>(p + row_bytes, lines, 2) : U16{});
}

static inline void store_units(uint32_t* p, U32 v, int64_t count) {
  if (count >= kLanes) {
    store_bytes(p, v);
  } else if (count > 0) {
    memcpy(p, &v, static_cast<size_t>(count) * 4);
  }
}

template <GemmPacking P>
struct Source {
  const char* base;
  int64_t row_bytes;
  int64_t lines;
  int64_t depth;
  int64_t units;

  explicit Source(const GemmBlock& block)
      : row_bytes(block.ld * kElement<P>),
        lines(block.lines),
        depth(block.depth),
        units((block.depth + kUnit<P> - 1) / kUnit<P>) {
    const int64_t row = block.lines_are_rows ? block.line : block.k;
    const int64_t column = block.lines_are_rows ? block.k : block.line;
    base = static_cast<const char*>(block.data) + row * row_bytes + column * kElement<P>;
  }

  // Units [unit, unit + kLanes) of one line of a matrix stored [line][k].
  U32 along_k(int64_t line, int64_t unit) const {
    if (line >= lines) return U32{};
    return load_along_k<P>(base + line * row_bytes + unit * kUnit<P> * kElement<P>,
                           depth - unit * kUnit<P>);
  }

  void prefetch_along_k(int64_t line, int64_t unit) const {
    __builtin_prefetch(base + line * row_bytes + unit * kUnit<P> * kElement<P>, 0, 2);
  }
  void prefetch_across(int64_t unit, int64_t line) const {
    const char* p = base + unit * kUnit<P> * row_bytes + line * kElement<P>;
    __builtin_prefetch(p, 0, 2);
    if constexpr (P == GemmPacking::kPairs) __builtin_prefetch(p + row_bytes, 0, 2);
  }

  // Lines [line, line + kLanes) of one unit of a matrix stored [k][line].
  U32 across(int64_t unit, int64_t line) const {
    const int64_t k = unit * kUnit<P>;
    if (k >= depth || line >= lines) return U32{};
    return load_across<P>(base + k * row_bytes + line * kElement<P>, row_bytes, lines - line,
                          depth - k);
  }
};

template <GemmPacking P>
static void pack_a(const GemmBlock& block, int64_t stride, uint32_t* rows) {
  const Source<P> source(block);
  if (block.lines_are_rows) {
    for (int64_t line = 0; line < source.lines; ++line) {
      for (int64_t unit = 0; unit < source.units; unit += kLanes) {
        source.prefetch_along_k(line + source.lines, unit);  // the panel after this one
        store_units(rows + line * stride + unit, source.along_k(line, unit), source.units - unit);
      }
    }
    return;
  }
  for (int64_t unit = 0; unit < source.units; unit += kLanes) {
    for (int64_t begin = 0; begin < source.lines; begin += kLanes) {
      // The last vector of lines moves back over lines that are done rather than be a part of one.
      const int64_t line = max_of(min_of(begin, source.lines - kLanes), 0);
      U32 tile[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        source.prefetch_across(unit + i + kAhead, line);
        tile[i] = source.across(unit + i, line);
      }
      transpose(tile);
      const int64_t count = min_of(source.lines - line, kLanes);
      for (int64_t i = 0; i < count; ++i) {
        store_units(rows + (line + i) * stride + unit, tile[i], source.units - unit);
      }
    }
  }
}

// Where B's panels hold a vector of lines.
struct Panels {
  uint32_t* data;
  int64_t lines;  // in whole vectors
  int64_t units;

  uint32_t* at(int64_t line, int64_t unit) const {
    const int64_t panel = line / kGemmColumns * kGemmColumns;
    const int64_t width = min_of(kGemmColumns, lines - panel);
    return data + panel * units + unit * width + line - panel;
  }
};

template <GemmPacking P>
static void pack_b(const GemmBlock& block, uint32_t* data) {
  const Source<P> source(block);
  const Panels panels{data, (source.lines + kLanes - 1) / kLanes * kLanes, source.units};
  if (!block.lines_are_rows) {
    for (int64_t unit = 0; unit < source.units; ++unit) {
      for (int64_t line = 0; line < panels.lines; line += kLanes) {
        source.prefetch_across(unit + kAhead, line);
        store_bytes(panels.at(line, unit), source.across(unit, line));
      }
    }
    return;
  }
  for (int64_t line = 0; line < panels.lines; line += kLanes) {
    for (int64_t unit = 0; unit < source.units; unit += kLanes) {
      U32 tile[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        source.prefetch_along_k(line + i + kLanes, unit);
        tile[i] = source.along_k(line + i, unit);
      }
      transpose(tile);
      const int64_t count = min_of(source.units - unit, kLanes);
      for (int64_t i = 0; i < count; ++i) store_bytes(panels.at(line, unit + i), tile[i]);
    }
  }
}

// The lines of a quantised B, a group at a time: expanded into rows as W has them, then packed.
template <GemmPacking P>
static void pack_quantized_b(const GemmBlock& block, uint32_t* panels) {
  using T = std::conditional_t<P == GemmPacking::kFloat, float, bf16>;
  const int64_t units = (block.depth + kUnit<P> - 1) / kUnit<P>;
  T* const scratch = static_cast<T*>(block.scratch);
  for (int64_t begin = 0; begin < block.lines; begin += kGemmExpandLines) {
    const int64_t lines = min_of(kGemmExpandLines, block.lines - begin);
    const int64_t line = block.line + begin;
    const int64_t rows = block.lines_are_rows ? lines : block.depth;
    const int64_t columns = block.lines_are_rows ? block.depth : lines;
    const int64_t row = block.lines_are_rows ? line : block.k;
    const int64_t column = block.lines_are_rows ? block.k : line;
    for (int64_t r = 0; r < rows; ++r) {
      expand_quantized(*block.quantized, row + r, column, columns, scratch + r * columns);
    }
    pack_b<P>({scratch, columns, block.lines_are_rows, 0, lines, 0, block.depth},
              panels + begin * units);
  }
}

template <GemmPacking P>
static void pack_any_b(const GemmBlock& block, uint32_t* panels) {
  return block.quantized ? pack_quantized_b<P>(block, panels) : pack_b<P>(block, panels);
}

}  // namespace

int64_t gemm_scratch_bytes() {
  static_assert(kGemmExpandLines % kGemmColumns == 0, "groups must begin at a panel");
  return kGemmExpandLines * kGemmBlockUnits * 4;
}

void gemm_pack_a(GemmPacking packing, const GemmBlock& block, int64_t stride, uint32_t* rows) {
  switch (packing) {
    case GemmPacking::kFloat:
      return pack_a<GemmPacking::kFloat>(block, stride, rows);
    case GemmPacking::kWidened:
      return pack_a<GemmPacking::kWidened>(block, stride, rows);
    case GemmPacking::kPairs:
      return pack_a<GemmPacking::kPairs>(block, stride, rows);
    case GemmPacking::kFixed:
      return;  // FixedRows holds them
  }
}

void gemm_pack_b(GemmPacking packing, const GemmBlock& block, uint32_t* panels) {
  switch (packing) {
    case GemmPacking::kFloat:
      return pack_any_b<GemmPacking::kFloat>(block, panels);
    case GemmPacking::kWidened:
      return pack_any_b<GemmPacking::kWidened>(block, panels);
    case GemmPacking::kPairs:
      return pack_any_b<GemmPacking::kPairs>(block, panels);
    case GemmPacking::kFixed:
      return;  // gemm_pack_fixed_b packs them
  }
}

}  // namespace llft::cpu::LLFT_ISA

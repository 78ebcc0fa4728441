#include "cpu/kernels/gemm_pack.h"

#include <utility>

#include "cpu/kernels/gemm_vec.h"

namespace llft::cpu::LLFT_ISA {
namespace {

constexpr int kLanes = kGemmLanes;
using U32 = GemmU32;

template <int kStep, int... kLane>
static inline void swap_halves(U32& low, U32& high, std::integer_sequence<int, kLane...>) {
#if defined(__clang__)
  const U32 a = __builtin_shufflevector(low, high, ((kLane & kStep) ? kLanes + kLane - kStep : kLane)...);
  high = __builtin_shufflevector(low, high, ((kLane & kStep) ? kLanes + kLane : kLane + kStep)...);
#else
  const U32 a = __builtin_shuffle(low, high, U32{((kLane & kStep) ? kLanes + kLane - kStep : kLane)...});
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

template <GemmPacking P>
constexpr int64_t kElement = P == GemmPacking::kFloat ? 4 : 2;
template <GemmPacking P>
constexpr int64_t kUnit = P == GemmPacking::kPairs ? 2 : 1;

static inline U32 interleave(GemmU16 first, GemmU16 second) {
  return __builtin_convertvector(first, U32) | (__builtin_convertvector(second, U32) << 16);
}

// kLanes units of one line stored along k; `depth` elements are there.
template <GemmPacking P>
static inline U32 load_along_k(const char* p, int64_t depth) {
  constexpr int64_t full = kLanes * kUnit<P>;
  if constexpr (P == GemmPacking::kWidened) {
    return gemm_widen(depth >= full ? gemm_load<GemmU16>(p) : gemm_load_part<GemmU16>(p, depth * 2));
  } else {
    return depth >= full ? gemm_load<U32>(p) : gemm_load_part<U32>(p, depth * kElement<P>);
  }
}

template <class V>
static inline V load_lines(const char* p, int64_t lines, int64_t element) {
  return lines >= kLanes ? gemm_load<V>(p) : gemm_load_part<V>(p, lines * element);
}

// One unit of kLanes lines stored across: p at (k, line), `lines` and `depth` are there.
template <GemmPacking P>
static inline U32 load_across(const char* p, int64_t row_bytes, int64_t lines, int64_t depth) {
  if constexpr (P == GemmPacking::kFloat) return load_lines<U32>(p, lines, 4);
  const GemmU16 first = load_lines<GemmU16>(p, lines, 2);
  if constexpr (P == GemmPacking::kWidened) return gemm_widen(first);
  return interleave(first, depth > 1 ? load_lines<GemmU16>(p + row_bytes, lines, 2) : GemmU16{});
}

static inline void store_units(uint32_t* p, U32 v, int64_t count) {
  if (count >= kLanes) {
    gemm_store(p, v);
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
    return load_along_k<P>(base + line * row_bytes + unit * kUnit<P> * kElement<P>, depth - unit * kUnit<P>);
  }

  // Lines [line, line + kLanes) of one unit of a matrix stored [k][line].
  U32 across(int64_t unit, int64_t line) const {
    const int64_t k = unit * kUnit<P>;
    if (k >= depth || line >= lines) return U32{};
    return load_across<P>(base + k * row_bytes + line * kElement<P>, row_bytes, lines - line, depth - k);
  }
};

template <GemmPacking P>
static void pack_a(const GemmBlock& block, int64_t stride, uint32_t* panel) {
  const Source<P> source(block);
  if (block.lines_are_rows) {
    for (int64_t line = 0; line < source.lines; ++line) {
      for (int64_t unit = 0; unit < source.units; unit += kLanes) {
        store_units(panel + line * stride + unit, source.along_k(line, unit), source.units - unit);
      }
    }
    return;
  }
  for (int64_t unit = 0; unit < source.units; unit += kLanes) {
    for (int64_t line = 0; line < source.lines; line += kLanes) {
      U32 tile[kLanes];
      for (int i = 0; i < kLanes; ++i) tile[i] = source.across(unit + i, line);
      transpose(tile);
      const int64_t count = source.lines - line < kLanes ? source.lines - line : kLanes;
      for (int64_t i = 0; i < count; ++i) {
        store_units(panel + (line + i) * stride + unit, tile[i], source.units - unit);
      }
    }
  }
}

template <GemmPacking P>
static void pack_b(const GemmBlock& block, int64_t width, uint32_t* panel) {
  const Source<P> source(block);
  if (!block.lines_are_rows) {
    for (int64_t unit = 0; unit < source.units; ++unit) {
      for (int64_t line = 0; line < width; line += kLanes) {
        gemm_store(panel + unit * width + line, source.across(unit, line));
      }
    }
    return;
  }
  for (int64_t unit = 0; unit < source.units; unit += kLanes) {
    for (int64_t line = 0; line < width; line += kLanes) {
      U32 tile[kLanes];
      for (int i = 0; i < kLanes; ++i) tile[i] = source.along_k(line + i, unit);
      transpose(tile);
      const int64_t count = source.units - unit < kLanes ? source.units - unit : kLanes;
      for (int64_t i = 0; i < count; ++i) gemm_store(panel + (unit + i) * width + line, tile[i]);
    }
  }
}

}  // namespace

void gemm_pack_a(GemmPacking packing, const GemmBlock& block, int64_t stride, uint32_t* panel) {
  switch (packing) {
    case GemmPacking::kFloat:
      return pack_a<GemmPacking::kFloat>(block, stride, panel);
    case GemmPacking::kWidened:
      return pack_a<GemmPacking::kWidened>(block, stride, panel);
    case GemmPacking::kPairs:
      return pack_a<GemmPacking::kPairs>(block, stride, panel);
  }
}

void gemm_pack_b(GemmPacking packing, const GemmBlock& block, int64_t width, uint32_t* panel) {
  switch (packing) {
    case GemmPacking::kFloat:
      return pack_b<GemmPacking::kFloat>(block, width, panel);
    case GemmPacking::kWidened:
      return pack_b<GemmPacking::kWidened>(block, width, panel);
    case GemmPacking::kPairs:
      return pack_b<GemmPacking::kPairs>(block, width, panel);
  }
}

}  // namespace llft::cpu::LLFT_ISA

// How the k of a product is cut into blocks that are multiplied one after the other, and how each
// is packed. Only gemm.cc and gemm_fixed.cc include this.
#pragma once

#include <cstdint>

#include "cpu/kernels/gemm.h"
#include "cpu/kernels/gemm_fixed.h"
#include "cpu/kernels/gemm_micro.h"
#include "cpu/kernels/gemm_pack.h"

namespace llft::cpu::LLFT_ISA {

static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

struct Range {
  int64_t begin;
  int64_t size;
};

// Part `index` of [0, size) cut into `parts` of nearly equal numbers of `unit`s.
static inline Range part_of(int64_t size, int64_t unit, int64_t parts, int64_t index) {
  const int64_t units = ceil_div(size, unit);
  const int64_t begin = units * index / parts * unit;
  const int64_t end = min_of(units * (index + 1) / parts * unit, size);
  return {begin, end - begin};
}

static inline GemmPacking packing_of(const GemmArgs& args, const GemmTerm& term) {
  if (gemm_is_fixed(term)) return GemmPacking::kFixed;
  if (args.in_dtype == DType::F32) return GemmPacking::kFloat;
  return kHasPairs ? GemmPacking::kPairs : GemmPacking::kWidened;
}

// Elements along k that a block never parts.
static inline int64_t grain_of(GemmPacking packing) {
  return packing == GemmPacking::kFixed ? kFixedBlock : packing == GemmPacking::kPairs ? 2 : 1;
}

// Blocks that k elements are cut into.
static inline int64_t blocks_of(int64_t k, GemmPacking packing) {
  const int64_t grain = grain_of(packing);
  const int64_t most = kGemmBlockUnits * gemm_unit_elements(packing) / grain;
  return ceil_div(ceil_div(k, grain), most);
}

// One block of k of one term.
struct Step {
  const GemmTerm* term;
  GemmPacking packing;
  int64_t index;  // among the steps of its term
  int64_t k;
  int64_t depth;

  // Units that the block takes when it is packed.
  int64_t units() const {
    const int64_t grain = grain_of(packing);
    return ceil_div(depth, grain) * grain / gemm_unit_elements(packing);
  }
};

// The blocks of k in order, of nearly equal length; their cut depends on K alone.
class Steps {
 public:
  explicit Steps(const GemmArgs& args) : args_(args) {
    for (int s = 0; s < args.term_count; ++s) count_ += blocks_of(args.terms[s]);
  }
  int64_t count() const { return count_; }
  // Units of the longest step.
  int64_t longest() const {
    int64_t units = 0;
    for (int64_t s = 0; s < count_; ++s) units = max_of(units, (*this)[s].units());
    return units;
  }
  Step operator[](int64_t index) const {
    for (int s = 0; s < args_.term_count; ++s) {
      const GemmTerm& term = args_.terms[s];
      const int64_t blocks = blocks_of(term);
      if (index < blocks) {
        const GemmPacking packing = packing_of(args_, term);
        const Range range = part_of(term.k, grain_of(packing), blocks, index);
        return {&term, packing, index, range.begin, range.size};
      }
      index -= blocks;
    }
    // All K are 0: one empty step stores bias.
    return {&args_.terms[0], packing_of(args_, args_.terms[0]), 0, 0, 0};
  }

 private:
  int64_t blocks_of(const GemmTerm& term) const {
    return LLFT_ISA::blocks_of(term.k, packing_of(args_, term));
  }
  const GemmArgs& args_;
  int64_t count_ = 0;
};

}  // namespace llft::cpu::LLFT_ISA

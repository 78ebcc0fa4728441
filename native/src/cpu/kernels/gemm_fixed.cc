// Formula, layouts and error bound: gemm_fixed.h.
#include "cpu/kernels/gemm_fixed.h"

#include "cpu/kernels/expand_quantized.h"
#include "cpu/kernels/few_rows_codes.h"
#include "cpu/kernels/gemm_steps.h"

namespace llft::cpu::LLFT_ISA {

#if defined(__AVX2__) && !defined(__AVX512F__)

namespace {

constexpr float kFixedCodebookScale = 2047.0f;

// The codebook as whole numbers, lower and upper bytes apart.
struct FixedCodebook {
  alignas(16) uint8_t lower[16];
  alignas(16) uint8_t upper[16];

  constexpr explicit FixedCodebook(const float* codebook) : lower(), upper() {
    for (int i = 0; i < 16; ++i) {
      const float value = codebook[i] * kFixedCodebookScale;
      const auto entry =
          static_cast<uint16_t>(static_cast<int16_t>(value < 0 ? value - 0.5f : value + 0.5f));
      lower[i] = static_cast<uint8_t>(entry);
      upper[i] = static_cast<uint8_t>(entry >> 8);
    }
  }
};
constexpr FixedCodebook kNf4(kNf4Values), kFp4(kFp4Values);

// Sixteen codes, one a byte, to int16 in order.
static inline void look_up(__m128i codes, __m128i lower, __m128i upper, int16_t* out) {
  const __m128i low = _mm_shuffle_epi8(lower, codes), high = _mm_shuffle_epi8(upper, codes);
  store_bytes(out, _mm_unpacklo_epi8(low, high));
  store_bytes(out + 8, _mm_unpackhi_epi8(low, high));
}

// `count` 4-bit codes, a multiple of 32 that begins with a byte.
static void expand_four_bit(QuantFormat format, const uint8_t* codes, int64_t count, int16_t* out) {
  const FixedCodebook& codebook = format == QuantFormat::FP4 ? kFp4 : kNf4;
  const auto lower = load_bytes<__m128i>(codebook.lower),
             upper = load_bytes<__m128i>(codebook.upper);
  const __m128i mask = _mm_set1_epi8(15);
  for (int64_t i = 0; i < count; i += 32) {
    const auto bytes = load_bytes<__m128i>(codes + i / 2);
    const __m128i first = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
    const __m128i second = _mm_and_si128(bytes, mask);
    look_up(_mm_unpacklo_epi8(first, second), lower, upper, out + i);
    look_up(_mm_unpackhi_epi8(first, second), lower, upper, out + i + 16);
  }
}

static void expand_int8(const uint8_t* codes, int64_t count, int16_t* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<int8_t>(codes[i]);
}

// Elements [column, column + depth) of a row of W, zeros up to whole blocks.
static void expand_row(const QuantizedData& q, int64_t row, int64_t column, int64_t depth,
                       int16_t* out) {
  const int64_t first = row * q.columns + column;
  if (is_four_bit(q)) return expand_four_bit(q.format, q.codes + first / 2, depth, out);
  expand_int8(q.codes + first, depth, out);
  const int64_t padded = ceil_div(depth, kFixedBlock) * kFixedBlock;
  memset(out + depth, 0, static_cast<size_t>(padded - depth) * sizeof(int16_t));
}

// What a code of 64 elements from `column` of a row on stands for, before the codebook's factor.
static inline float scale_of(const QuantizedData& q, int64_t row, int64_t column) {
  if (!is_four_bit(q)) return q.absmax[row];
  return absmax_of(q, (row * q.columns + column) >> q.block_shift) / kFixedCodebookScale;
}

static void pack_scales(const GemmBlock& block, int64_t lines, int64_t blocks, float* scales) {
  for (int64_t panel = 0; panel < lines; panel += kGemmColumns) {
    const int64_t width = min_of(kGemmColumns, lines - panel);
    float* const of_panel = scales + panel * blocks;
    for (int64_t j = 0; j < width; ++j) {
      const bool exists = panel + j < block.lines;
      for (int64_t b = 0; b < blocks; ++b) {
        of_panel[b * width + j] =
            exists ? scale_of(*block.quantized, block.line + panel + j, block.k + b * kFixedBlock)
                   : 0;
      }
    }
  }
}

}  // namespace

bool gemm_is_fixed(const GemmTerm& term) {
  return term.fixed_point && term.is_quantized() && term.transpose_b && !term.transpose_a &&
         multiplies_codes(term.quantized);
}

FixedRows::FixedRows(const GemmArgs& args, const GemmTerm& term, Scratch& scratch, ThreadPool& pool)
    : m_(args.m),
      blocks_(ceil_div(term.k, kFixedBlock)),
      step_count_(blocks_of(term.k, GemmPacking::kFixed)) {
  const int64_t values = step_count_ * m_ * kGemmPanelStride;
  char* memory = scratch.reserve(static_cast<size_t>(values + m_ * blocks_) * 4);
  values_ = reinterpret_cast<uint32_t*>(memory);
  units_ = reinterpret_cast<float*>(values_ + values);
  const bool is_f32 = args.in_dtype == DType::F32;
  parallel_for(pool, m_, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      is_f32 ? fill<float>(term, row) : fill<uint16_t>(term, row);
    }
  });
}

const uint32_t* FixedRows::panel(int64_t step, int64_t row) const {
  return values_ + (step * m_ + row) * kGemmPanelStride;
}

template <class Stored>
void FixedRows::fill(const GemmTerm& term, int64_t row) {
  const auto* x = static_cast<const Stored*>(term.a) + row * term.lda;
  for (int64_t step = 0; step < step_count_; ++step) {
    // As Steps cuts them.
    const Range blocks = part_of(blocks_, 1, step_count_, step);
    auto* out = reinterpret_cast<int16_t*>(values_ + (step * m_ + row) * kGemmPanelStride);
    for (int64_t b = blocks.begin; b < blocks.begin + blocks.size; ++b, out += kFixedBlock) {
      const int64_t k = b * kFixedBlock;
      units_[row * blocks_ + b] = to_fixed(x + k, term.k - k, out);
    }
  }
}

void gemm_pack_fixed_b(const GemmBlock& block, uint32_t* panels, float* scales) {
  const int64_t blocks = ceil_div(block.depth, kFixedBlock), depth = blocks * kFixedBlock;
  auto* const rows = static_cast<int16_t*>(block.scratch);
  for (int64_t begin = 0; begin < block.lines; begin += kGemmExpandLines) {
    const int64_t lines = min_of(kGemmExpandLines, block.lines - begin);
    for (int64_t i = 0; i < lines; ++i) {
      const int64_t row = block.line + begin + i;
      expand_row(*block.quantized, row, block.k, block.depth, rows + i * depth);
    }
    gemm_pack_b(GemmPacking::kPairs, {rows, depth, true, 0, lines, 0, depth},
                panels + begin * depth / 2);
  }
  pack_scales(block, ceil_div(block.lines, kLanes) * kLanes, blocks, scales);
}

#else

bool gemm_is_fixed(const GemmTerm&) { return false; }

FixedRows::FixedRows(const GemmArgs&, const GemmTerm&, Scratch&, ThreadPool&) {}

const uint32_t* FixedRows::panel(int64_t, int64_t) const { return nullptr; }

void gemm_pack_fixed_b(const GemmBlock&, uint32_t*, float*) {}

#endif

}  // namespace llft::cpu::LLFT_ISA

// The matrix product of every instruction set against a double-precision reference.
//
// Bound: see cpu/kernels/gemm.cc. With K terms over all terms, u = 2^-24 and
// S = |bias| + |C| + sum of |alpha a b|: one rounding per term of the chain, one product by alpha
// and one sum per block of k, bias and C: at most K + 2 * blocks + 2 roundings on the way of any
// term, so |error| <= (K + 2 blocks + 3) u S; blocks <= K / 384 + 1 per term. vdpbf16ps flushes
// subnormals: + K * 2^-126. A bfloat16 result is the float32 one rounded to nearest even, which is
// checked bit for bit.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "cpu/isa.h"
#include "cpu/kernels/gemm.h"
#include "doctest/doctest.h"
#include "guarded.h"

namespace {

using llft::DType;
using llft::GemmArgs;
using llft::GemmTerm;
using llft::cpu::Kernels;
using llft::cpu::ThreadPool;
using llft::test::Guarded;

constexpr uint32_t kSentinel = 0x7fa5a5a5;

uint16_t round_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float widen(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

struct Random {
  uint64_t state;
  // Even in (-1, 1).
  float next() {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<float>(static_cast<int32_t>(state >> 32)) * 0x1p-31f;
  }
};

// A stored matrix [rows, columns] whose rows are `ld` apart, up to the last element and no further.
class Matrix {
 public:
  Matrix(int64_t rows, int64_t columns, int64_t ld, DType dtype, Random& random)
      : ld_(ld), dtype_(dtype), memory_(bytes(rows, columns, ld, dtype)) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) set(r, c, random.next());
    }
  }
  void set(int64_t r, int64_t c, float value) {
    if (dtype_ == DType::F32) {
      memory_.as<float>()[r * ld_ + c] = value;
    } else {
      memory_.as<uint16_t>()[r * ld_ + c] = round_bf16(value);
    }
  }
  double at(int64_t r, int64_t c) const {
    return dtype_ == DType::F32 ? memory_.as<float>()[r * ld_ + c]
                                : widen(memory_.as<uint16_t>()[r * ld_ + c]);
  }
  const void* data() const { return memory_.as<char>(); }
  int64_t ld() const { return ld_; }

 private:
  static size_t bytes(int64_t rows, int64_t columns, int64_t ld, DType dtype) {
    if (rows == 0 || columns == 0) return 0;
    return static_cast<size_t>((rows - 1) * ld + columns) * llft::size_of(dtype);
  }
  int64_t ld_;
  DType dtype_;
  Guarded memory_;
};

struct Layout {
  const char* name;
  bool transpose_a;
  bool transpose_b;
};
const Layout kLayouts[] = {{"x w^T", false, true},
                           {"dy w", false, false},
                           {"dy^T x", true, false},
                           {"a^T b^T", true, true}};

struct Problem {
  int64_t m, n;
  int64_t k[2];
  int terms;
  Layout layout;
  DType dtype;
  bool bias;
  bool accumulate;
  int64_t pad;  // of every row stride
  float alpha[2] = {1.0f, 1.0f};
};

struct Operands {
  std::vector<Matrix> a, b;
  Matrix bias;

  static Operands of(const Problem& p, uint64_t seed) {
    Random random{seed};
    Operands operands{{}, {}, Matrix(1, p.n, p.n, p.dtype, random)};
    operands.a.reserve(2);
    operands.b.reserve(2);
    for (int s = 0; s < p.terms; ++s) {
      const int64_t a_rows = p.layout.transpose_a ? p.k[s] : p.m,
                    a_columns = p.layout.transpose_a ? p.m : p.k[s];
      const int64_t b_rows = p.layout.transpose_b ? p.n : p.k[s],
                    b_columns = p.layout.transpose_b ? p.k[s] : p.n;
      operands.a.emplace_back(a_rows, a_columns, a_columns + p.pad, p.dtype, random);
      operands.b.emplace_back(b_rows, b_columns, b_columns + p.pad, p.dtype, random);
    }
    return operands;
  }
};

// C of one run, whose rows are followed by `pad` sentinels.
struct Result {
  int64_t n, ld;
  DType dtype;
  Guarded memory;

  Result(const Problem& p, DType out)
      : n(p.n),
        ld(p.n + p.pad),
        dtype(out),
        memory(static_cast<size_t>(p.m * ld) * llft::size_of(out)) {
    for (int64_t i = 0; i < p.m * ld; ++i) {
      if (out == DType::F32)
        memory.as<uint32_t>()[i] = kSentinel;
      else
        memory.as<uint16_t>()[i] = static_cast<uint16_t>(kSentinel);
    }
    for (int64_t i = 0; i < p.m && p.accumulate; ++i) {
      for (int64_t j = 0; j < n; ++j) memory.as<float>()[i * ld + j] = start(i, j);
    }
  }
  static float start(int64_t i, int64_t j) {
    return 0.25f * static_cast<float>((i * 7 + j * 3) % 11) - 1.0f;
  }
  float at(int64_t i, int64_t j) const {
    return dtype == DType::F32 ? memory.as<float>()[i * ld + j]
                               : widen(memory.as<uint16_t>()[i * ld + j]);
  }
  bool pads_are_untouched(int64_t m) const {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = n; j < ld; ++j) {
        if (dtype == DType::F32 && memory.as<uint32_t>()[i * ld + j] != kSentinel) return false;
        if (dtype == DType::BF16 &&
            memory.as<uint16_t>()[i * ld + j] != static_cast<uint16_t>(kSentinel))
          return false;
      }
    }
    return true;
  }
};

GemmArgs args_of(const Problem& p, const Operands& operands, const Result& result) {
  GemmArgs args;
  args.m = p.m;
  args.n = p.n;
  args.in_dtype = p.dtype;
  args.term_count = p.terms;
  for (int s = 0; s < p.terms; ++s) {
    args.terms[s] = {operands.a[s].data(),
                     operands.b[s].data(),
                     p.k[s],
                     operands.a[s].ld(),
                     operands.b[s].ld(),
                     p.layout.transpose_a,
                     p.layout.transpose_b,
                     p.alpha[s]};
  }
  args.bias = p.bias ? operands.bias.data() : nullptr;
  args.c = result.memory.as<char>();
  args.out_dtype = result.dtype;
  args.ldc = result.ld;
  args.accumulate = p.accumulate;
  return args;
}

// The first element beyond the bound, as a message; empty where all are within.
std::string first_error(const Problem& p, const Operands& operands, const Result& result) {
  constexpr double u = 0x1p-24;
  const double terms = static_cast<double>(p.k[0] + (p.terms > 1 ? p.k[1] : 0));
  const double roundings = terms + 2 * (terms / 384 + p.terms) + 3;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      double value = p.bias ? operands.bias.at(0, j) : 0.0, size = std::fabs(value);
      if (p.accumulate) value += Result::start(i, j), size += std::fabs(Result::start(i, j));
      for (int s = 0; s < p.terms; ++s) {
        const Matrix& a = operands.a[s];
        const Matrix& b = operands.b[s];
        for (int64_t k = 0; k < p.k[s]; ++k) {
          const double term = p.alpha[s] * (p.layout.transpose_a ? a.at(k, i) : a.at(i, k)) *
                              (p.layout.transpose_b ? b.at(j, k) : b.at(k, j));
          value += term;
          size += std::fabs(term);
        }
      }
      const double bound = roundings * u * size + terms * 0x1p-126;
      if (!(std::fabs(result.at(i, j) - value) <= bound)) {
        return "C[" + std::to_string(i) + "," + std::to_string(j) +
               "] = " + std::to_string(result.at(i, j)) + ", not " + std::to_string(value) +
               " within " + std::to_string(bound);
      }
    }
  }
  return "";
}

std::string describe(const Kernels& kernels, const Problem& p) {
  return std::string(kernels.isa) + " " + p.layout.name + " " + llft::name_of(p.dtype) + " M " +
         std::to_string(p.m) + " N " + std::to_string(p.n) + " K " + std::to_string(p.k[0]) +
         " + " + std::to_string(p.terms > 1 ? p.k[1] : 0) + (p.bias ? " bias" : "") +
         (p.accumulate ? " accumulate" : "");
}

void check(const Kernels& kernels, const Problem& p, ThreadPool& pool) {
  INFO(describe(kernels, p));
  const Operands operands =
      Operands::of(p, static_cast<uint64_t>(p.m * 1000003 + p.n * 1009 + p.k[0]));
  const Result f32(p, DType::F32);
  kernels.gemm(args_of(p, operands, f32), pool);
  CHECK(first_error(p, operands, f32) == "");
  CHECK(f32.pads_are_untouched(p.m));
  if (p.accumulate) return;
  const Result rounded(p, DType::BF16);
  kernels.gemm(args_of(p, operands, rounded), pool);
  int64_t different = 0;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j)
      different += rounded.at(i, j) != widen(round_bf16(f32.at(i, j)));
  }
  CHECK(different == 0);
  CHECK(rounded.pads_are_untouched(p.m));
}

bool same_bits(const Result& x, int64_t x_row, const Result& y, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i) {
    if (memcmp(x.memory.as<float>() + (x_row + i) * x.ld, y.memory.as<float>() + i * y.ld,
               static_cast<size_t>(x.n) * 4) != 0) {
      return false;
    }
  }
  return true;
}

template <class Body>
void for_each_variant(const Body& body) {
  for (const Kernels* kernels : llft::cpu::available_kernels()) {
    for (const DType dtype : {DType::F32, DType::BF16}) {
      for (const Layout& layout : kLayouts) body(*kernels, dtype, layout);
    }
  }
}

TEST_CASE("gemm: every layout, dtype and odd size against double precision") {
  ThreadPool pool(2);
  const int64_t sizes[][3] = {{1, 1, 1},
                              {1, 17, 5},
                              {2, 33, 31},
                              {3, 5, 64},
                              {4, 16, 33},
                              {5, 63, 100},
                              {7, 4, 3},
                              {8, 100, 70},
                              {9, 16, 16},
                              {12, 32, 2},
                              {13, 31, 17},
                              {25, 48, 65},
                              {37, 65, 129},
                              {16, 96, 1},
                              {61, 200, 40},
                              {130, 16, 95},
                              {16, 130, 96},
                              {200, 70, 33},
                              // several blocks of k, many panels
                              {13, 211, 321},
                              {25, 1025, 65},
                              {9, 67, 1000}};
  for_each_variant([&](const Kernels& kernels, DType dtype, const Layout& layout) {
    for (const auto& s : sizes)
      check(kernels, {s[0], s[1], {s[2], 0}, 1, layout, dtype, false, false, 0}, pool);
  });
}

TEST_CASE("gemm: bias, scaled second term, padded rows, accumulation") {
  ThreadPool pool(2);
  const int64_t sizes[][4] = {{3, 40, 35, 16}, {14, 50, 100, 16}, {29, 33, 7, 3}, {8, 9, 5, 1}};
  for_each_variant([&](const Kernels& kernels, DType dtype, const Layout& layout) {
    for (const auto& s : sizes) {
      check(kernels, {s[0], s[1], {s[2], s[3]}, 2, layout, dtype, true, false, 5, {1.0f, 1.75f}},
            pool);
      check(kernels, {s[0], s[1], {s[2], s[3]}, 2, layout, dtype, false, true, 3, {0.375f, 1.0f}},
            pool);
      check(kernels, {s[0], s[1], {s[2], 0}, 1, layout, dtype, true, false, 1, {-3.0f, 1.0f}},
            pool);
    }
  });
}

TEST_CASE("gemm: K beyond one block of k, and odd") {
  ThreadPool pool(2);
  for_each_variant([&](const Kernels& kernels, DType dtype, const Layout& layout) {
    check(kernels, {10, 95, {769, 0}, 1, layout, dtype, true, false, 0}, pool);
    check(kernels, {4, 37, {1537, 385}, 2, layout, dtype, true, false, 0, {1.0f, 0.5f}}, pool);
    check(kernels, {17, 19, {1601, 0}, 1, layout, dtype, false, true, 2}, pool);
    check(kernels, {17, 49, {1601, 0}, 1, layout, dtype, false, true, 2}, pool);
  });
}

TEST_CASE("gemm: empty sizes leave bias, zero, or nothing") {
  ThreadPool pool(2);
  for_each_variant([&](const Kernels& kernels, DType dtype, const Layout& layout) {
    for (const int64_t m : {1, 11}) {
      check(kernels, {m, 5, {0, 0}, 1, layout, dtype, false, false, 0}, pool);
      check(kernels, {m, 21, {0, 0}, 2, layout, dtype, true, false, 2}, pool);
      check(kernels, {m, 21, {9, 0}, 2, layout, dtype, true, false, 2}, pool);
      check(kernels, {m, 21, {0, 9}, 2, layout, dtype, false, true, 2, {1.0f, 2.0f}}, pool);
      check(kernels, {m, 0, {4, 0}, 1, layout, dtype, false, false, 3}, pool);
    }
    check(kernels, {0, 4, {4, 0}, 1, layout, dtype, false, false, 0}, pool);
  });
}

TEST_CASE("gemm: the same bits for 1, 2 and 3 threads") {
  ThreadPool one(1), two(2), three(3);
  for_each_variant([&](const Kernels& kernels, DType dtype, const Layout& layout) {
    for (const int64_t m : {3, 8, 300}) {
      const Problem p{m, 250, {401, 16}, 2, layout, dtype, true, false, 0, {1.0f, 2.0f}};
      INFO(describe(kernels, p));
      const Operands operands = Operands::of(p, 42);
      const Result first(p, DType::F32), second(p, DType::F32), third(p, DType::F32);
      kernels.gemm(args_of(p, operands, first), one);
      kernels.gemm(args_of(p, operands, second), two);
      kernels.gemm(args_of(p, operands, third), three);
      CHECK(same_bits(first, 0, second, m));
      CHECK(same_bits(first, 0, third, m));
    }
  });
}

TEST_CASE("gemm: a row's bits do not depend on the other rows") {
  ThreadPool pool(2);
  const Layout layout = kLayouts[0];
  for (const Kernels* kernels : llft::cpu::available_kernels()) {
    for (const DType dtype : {DType::F32, DType::BF16}) {
      // Rows [first, first + m) alone: the packed kernel for m > 8, and the one for few rows.
      for (const int64_t total : {int64_t{100}, llft::cpu::kGemmFewRows}) {
        const Problem p{total, 105, {801, 16}, 2, layout, dtype, false, false, 0, {1.0f, 2.0f}};
        const Operands operands = Operands::of(p, 7);
        const Result all(p, DType::F32);
        kernels->gemm(args_of(p, operands, all), pool);
        for (const int64_t first : {0, 3, 7}) {
          Problem part = p;
          part.m = total > llft::cpu::kGemmFewRows ? 9 + first : total - first;
          INFO(describe(*kernels, part));
          const Result some(part, DType::F32);
          GemmArgs args = args_of(part, operands, some);
          for (int s = 0; s < 2; ++s) {
            const auto* a = static_cast<const char*>(args.terms[s].a);
            args.terms[s].a =
                a + static_cast<size_t>(first * args.terms[s].lda) * llft::size_of(dtype);
          }
          kernels->gemm(args, pool);
          CHECK(same_bits(all, first, some, part.m));
        }
      }
    }
  }
}

TEST_CASE("gemm: NaN and infinity reach the elements they belong to, and no others") {
  ThreadPool pool(2);
  constexpr float inf = std::numeric_limits<float>::infinity();
  for_each_variant([&](const Kernels& kernels, DType dtype, const Layout& layout) {
    for (const int64_t m : {4, 30}) {
      const Problem p{m, 40, {37, 0}, 1, layout, dtype, false, false, 0};
      INFO(describe(kernels, p));
      Operands operands = Operands::of(p, 3);
      const int64_t k = 36;  // the last, in the tail of every vector
      const auto set_a = [&](int64_t i, float v) {
        layout.transpose_a ? operands.a[0].set(k, i, v) : operands.a[0].set(i, k, v);
      };
      set_a(1, inf);
      set_a(2, std::nanf(""));
      for (const DType out : {DType::F32, DType::BF16}) {
        const Result result(p, out);
        kernels.gemm(args_of(p, operands, result), pool);
        int64_t wrong = 0;
        for (int64_t i = 0; i < p.m; ++i) {
          for (int64_t j = 0; j < p.n; ++j) {
            const float value = result.at(i, j);
            const double b = layout.transpose_b ? operands.b[0].at(j, k) : operands.b[0].at(k, j);
            if (i == 1)
              wrong += b == 0 ? !std::isnan(value) : value != (b > 0 ? inf : -inf);
            else
              wrong += i == 2 ? !std::isnan(value) : !std::isfinite(value);
          }
        }
        CHECK(wrong == 0);
      }
    }
  });
}

}  // namespace

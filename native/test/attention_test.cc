// Attention of every instruction set against a double-precision reference that forms all scores.
//
// Bounds, to first order in u = 2^-24 (f32 roundings), e = rounding of P and dS (2^-8 where pairs
// of bfloat16 are multiplied, else 0) and r = rounding of o as stored (2^-8 or 0), with A = the
// largest sum |q k| of any pair and n keys:
//   score        a dot of Dh terms, two products and a difference:
//                x = scale * (Dh + 8) u * 2 A absolute
//   P, forward   exp2 is 3 u: d = x + 4 u relative
//   o            terms d + e, their sum n u, each block of 64 keys rescales (5 u), the sum of
//                exponentials the same again:
//                (2 d + e + (2 n + 10 blocks + 8) u) * sum P |v|
//   lse          d + (n + 5 blocks + 8) u, and 4 u of the magnitudes that are added
//   P, backward  lse is off by 3 u |lse|: d' = d + 3 u max |lse|
//   dS           (d' + (Dh + 8) u + r + e) * P (sum |dout v| + sum |dout o|)
//   dq, dk, dv   the same summed over n keys or N queries of the group: + (n or N + 8) u
// Besides, an exponential below 2^-126 is off by that much, which reaches a sum as often as it has
// terms, times the largest factor that P is multiplied by.
#include <functional>

#include "core/kernels/attention.h"
#include "core/ops.h"
#include "op_check.h"

namespace {

using namespace llft;
using namespace llft::test;

struct Case {
  int64_t heads, kv_heads, width, window;
  int64_t tokens, key_rows;
  std::vector<AttentionSegment> segments;
  double scale() const { return 1 / std::sqrt(static_cast<double>(width)); }
};

struct Reference {
  std::vector<double> o, lse, dq, dk, dv;
  std::vector<double> o_abs, dq_abs, dk_abs,
      dv_abs;  // sums of absolute values, without their rounding factors
  double largest_dot = 0, largest_lse = 0, largest_input = 0;
  int64_t most_keys = 0, most_queries = 0;
};

double dot(const double* a, const double* b, int64_t n, bool absolute = false) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += absolute ? std::abs(a[i] * b[i]) : a[i] * b[i];
  return sum;
}

void add_row(Reference& ref, const Case& c, const AttentionSegment& s, int64_t i, int64_t h,
             const std::vector<double>& q, const std::vector<double>& k,
             const std::vector<double>& v, const std::vector<double>& dout) {
  const int64_t w = c.width, position = s.key_count - s.query_count + i;
  const int64_t first = c.window > 0 ? std::max<int64_t>(0, position - c.window + 1) : 0;
  const int64_t row = (s.query_start + i) * c.heads + h;
  const auto kv = [&](int64_t j) {
    return ((s.key_start + j) * c.kv_heads + h / (c.heads / c.kv_heads)) * w;
  };
  std::vector<double> p;
  double top = -INFINITY, sum = 0;
  for (int64_t j = first; j <= position; ++j) {
    p.push_back(c.scale() * dot(&q[row * w], &k[kv(j)], w));
    top = std::max(top, p.back());
    ref.largest_dot = std::max(ref.largest_dot, dot(&q[row * w], &k[kv(j)], w, true));
  }
  for (double& x : p) sum += x = std::exp(x - top);
  for (double& x : p) x /= sum;
  ref.lse[row] = top + std::log(sum);
  ref.largest_lse = std::max(ref.largest_lse, std::abs(ref.lse[row]));
  ref.most_keys = std::max<int64_t>(ref.most_keys, static_cast<int64_t>(p.size()));
  ref.most_queries = std::max(ref.most_queries, s.query_count * c.heads / c.kv_heads);
  for (int64_t j = first; j <= position; ++j) {
    for (int64_t d = 0; d < w; ++d) {
      ref.o[row * w + d] += p[j - first] * v[kv(j) + d];
      ref.o_abs[row * w + d] += p[j - first] * std::abs(v[kv(j) + d]);
    }
  }
  const double delta = dot(&dout[row * w], &ref.o[row * w], w);
  const double delta_abs = dot(&dout[row * w], &ref.o[row * w], w, true);
  for (int64_t j = first; j <= position; ++j) {
    const double ds = c.scale() * p[j - first] * (dot(&dout[row * w], &v[kv(j)], w) - delta);
    const double ds_abs =
        c.scale() * p[j - first] * (dot(&dout[row * w], &v[kv(j)], w, true) + delta_abs);
    for (int64_t d = 0; d < w; ++d) {
      ref.dq[row * w + d] += ds * k[kv(j) + d];
      ref.dk[kv(j) + d] += ds * q[row * w + d];
      ref.dv[kv(j) + d] += p[j - first] * dout[row * w + d];
      ref.dq_abs[row * w + d] += ds_abs * std::abs(k[kv(j) + d]);
      ref.dk_abs[kv(j) + d] += ds_abs * std::abs(q[row * w + d]);
      ref.dv_abs[kv(j) + d] += p[j - first] * std::abs(dout[row * w + d]);
    }
  }
}

Reference reference(const Case& c, const std::vector<double>& q, const std::vector<double>& k,
                    const std::vector<double>& v, const std::vector<double>& dout) {
  Reference ref;
  ref.o = ref.dq = ref.o_abs = ref.dq_abs = std::vector<double>(q.size());
  ref.dk = ref.dv = ref.dk_abs = ref.dv_abs = std::vector<double>(k.size());
  for (const double x : q) ref.largest_input = std::max(ref.largest_input, std::abs(x));
  for (const double x : k) ref.largest_input = std::max(ref.largest_input, std::abs(x));
  ref.lse.assign(static_cast<size_t>(c.tokens * c.heads), 0);
  for (const AttentionSegment& s : c.segments) {
    for (int64_t i = 0; i < s.query_count; ++i) {
      for (int64_t h = 0; h < c.heads; ++h) add_row(ref, c, s, i, h, q, k, v, dout);
    }
  }
  return ref;
}

AttentionShape shape_of(const Case& c, DType dtype) {
  return {
      dtype,    c.tokens,  c.key_rows, c.heads, c.kv_heads, c.width, static_cast<float>(c.scale()),
      c.window, c.segments};
}

// Operands of one run, and the kernels on them.
struct Operands {
  Case c;
  DType dtype;
  Buffer q, k, v, dout, o, lse, dq, dk, dv, delta;

  Operands(const Case& shape, DType type, Random& random, double range = 1)
      : c(shape),
        dtype(type),
        q(Buffer::random(type, c.tokens * c.heads * c.width, random, -range, range)),
        k(Buffer::random(type, c.key_rows * c.kv_heads * c.width, random, -range, range)),
        v(Buffer::random(type, k.size(), random)),
        dout(Buffer::random(type, q.size(), random)),
        o(type, q.size()),
        lse(DType::F32, c.tokens * c.heads),
        dq(type, q.size()),
        dk(type, k.size()),
        dv(type, k.size()),
        delta(DType::F32, lse.size()) {}

  void forward(const cpu::Kernels& kernels, cpu::ThreadPool& pool) const {
    kernels.attention({shape_of(c, dtype), q.data(), k.data(), v.data(), o.data(), lse.as<float>()},
                      pool);
  }
  void backward(const cpu::Kernels& kernels, cpu::ThreadPool& pool) const {
    kernels.attention_backward(
        {shape_of(c, dtype), dout.data(), q.data(), k.data(), v.data(), o.data(), lse.as<float>(),
         dq.data(), dk.data(), dv.data(), delta.as<float>()},
        pool);
  }
};

struct Bounds {
  double output, log_sum, score_gradient, value_gradient, smallest;
};

Bounds bounds_of(const Case& c, DType dtype, const Reference& ref) {
  const double u = kF32Unit, e = dtype == DType::BF16 ? kBf16Unit : 0;
  const double n = static_cast<double>(ref.most_keys), blocks = n / 64 + 2;
  const double width = static_cast<double>(c.width);
  const double score = c.scale() * (width + 8) * u * 2 * ref.largest_dot;
  const double d = score + 4 * u;
  const double back = d + 3 * u * ref.largest_lse;
  const double longest = std::max(n, static_cast<double>(ref.most_queries));
  return {
      2 * d + e + (2 * n + 10 * blocks + 8) * u,
      d + (n + 5 * blocks + 8) * u + 4 * u * (1 + ref.largest_lse + c.scale() * ref.largest_dot),
      back + (width + 8) * u + 2 * e + (longest + 8) * u, back + e + (longest + 8) * u,
      longest * kTiny * (1 + 2 * width * ref.largest_input)};
}

void check_case(const Case& c, DType dtype, double range = 1) {
  INFO("heads ", c.heads, " / ", c.kv_heads, ", width ", c.width, ", window ", c.window, ", ",
       std::string(name_of(dtype)));
  Random random(17);
  Operands x(c, dtype, random, range);
  const Reference ref = reference(c, x.q.values(), x.k.values(), x.v.values(), x.dout.values());
  const Bounds bounds = bounds_of(c, dtype, ref);
  run_everywhere(
      {&x.o, &x.lse}, [&](const auto& kernels, auto& pool) { x.forward(kernels, pool); },
      [&] {
        check_close(x.o.values(), ref.o, [&](int64_t i) {
          return stored(dtype, ref.o[i], bounds.output * ref.o_abs[i]);
        });
        check_close(x.lse.values(), ref.lse, [&](int64_t) { return bounds.log_sum; });
      });
  for (int64_t i = 0; i < x.o.size(); ++i) x.o.set(i, ref.o[i]);
  for (int64_t i = 0; i < x.lse.size(); ++i) x.lse.set(i, ref.lse[i]);
  run_everywhere(
      {&x.dq, &x.dk, &x.dv}, [&](const auto& kernels, auto& pool) { x.backward(kernels, pool); },
      [&] {
        check_close(x.dq.values(), ref.dq, [&](int64_t i) {
          return stored(dtype, ref.dq[i], bounds.score_gradient * ref.dq_abs[i] + bounds.smallest);
        });
        check_close(x.dk.values(), ref.dk, [&](int64_t i) {
          return stored(dtype, ref.dk[i], bounds.score_gradient * ref.dk_abs[i] + bounds.smallest);
        });
        check_close(x.dv.values(), ref.dv, [&](int64_t i) {
          return stored(dtype, ref.dv[i], bounds.value_gradient * ref.dv_abs[i] + bounds.smallest);
        });
      });
}

Case one_segment(int64_t heads, int64_t kv_heads, int64_t width, int64_t window, int64_t queries,
                 int64_t keys) {
  return {heads, kv_heads, width, window, queries, keys, {{0, queries, 0, keys}}};
}

void check_both(const Case& c) {
  for (const DType dtype : {DType::F32, DType::BF16}) check_case(c, dtype);
}

}  // namespace

TEST_CASE("attention: head widths") {
  for (const int64_t width : {1, 3, 8, 16, 20, 32, 63, 64, 80, 96, 128, 256})
    check_both(one_segment(2, 1, width, 0, 37, 37));
}

TEST_CASE("attention: lengths around the blocks, groups, windows") {
  for (const int64_t length : {1, 2, 7, 63, 64, 65, 130})
    check_both(one_segment(3, 1, 16, 0, length, length));
  for (const int64_t group : {1, 2, 3, 7, 17}) check_both(one_segment(2 * group, 2, 16, 0, 70, 70));
  for (const int64_t window : {1, 5, 63, 64, 65, 1000})
    check_both(one_segment(4, 2, 16, window, 200, 200));
  check_both(one_segment(1, 1, 64, 0, 420, 420));
}

TEST_CASE("attention: queries at the end of longer keys") {
  for (const int64_t queries : {1, 2, 16, 50}) {
    check_both(one_segment(6, 2, 32, 0, queries, 150));
    check_both(one_segment(6, 2, 32, 40, queries, 150));
  }
  check_both(one_segment(9, 3, 64, 0, 1, 1500));
}

TEST_CASE("attention: segments in any order, rows that none covers") {
  check_both({6,
              2,
              24,
              0,
              120,
              300,
              {{70, 40, 100, 90}, {5, 1, 0, 60}, {20, 33, 200, 33}, {60, 0, 0, 0}}});
}

TEST_CASE("attention: large scores neither overflow nor lose the rows") {
  check_case(one_segment(2, 1, 16, 0, 40, 40), DType::F32, 60);
  check_case(one_segment(2, 1, 16, 0, 40, 40), DType::BF16, 60);
}

TEST_CASE("attention: packed segments give the bits of separate runs") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    const Case c{6, 2, 32, 50, 150, 260, {{0, 60, 0, 60}, {60, 1, 60, 100}, {61, 89, 160, 100}}};
    Random random(5);
    Operands packed(c, dtype, random);
    for (const cpu::Kernels* kernels : cpu::available_kernels()) {
      packed.forward(*kernels, pool_of(2));
      packed.backward(*kernels, pool_of(2));
      for (const AttentionSegment& s : c.segments) {
        Operands single(
            {6, 2, 32, 50, s.query_count, s.key_count, {{0, s.query_count, 0, s.key_count}}}, dtype,
            random);
        const size_t row = size_of(dtype) * 32;
        const auto part = [&](const Buffer& whole, const Buffer& piece, int64_t start,
                              size_t bytes) {
          return std::make_pair(whole.as<char>() + start * bytes,
                                std::make_pair(piece.as<char>(), piece.bytes()));
        };
        const auto load = [&](const Buffer& whole, const Buffer& piece, int64_t start,
                              size_t bytes) {
          const auto [from, to] = part(whole, piece, start, bytes);
          memcpy(to.first, from, to.second);
        };
        const auto equal = [&](const Buffer& whole, const Buffer& piece, int64_t start,
                               size_t bytes) {
          const auto [from, to] = part(whole, piece, start, bytes);
          return memcmp(to.first, from, to.second) == 0;
        };
        load(packed.q, single.q, s.query_start, 6 * row);
        load(packed.dout, single.dout, s.query_start, 6 * row);
        load(packed.k, single.k, s.key_start, 2 * row);
        load(packed.v, single.v, s.key_start, 2 * row);
        single.forward(*kernels, pool_of(1));
        single.backward(*kernels, pool_of(1));
        CHECK(equal(packed.o, single.o, s.query_start, 6 * row));
        CHECK(equal(packed.lse, single.lse, s.query_start, 6 * 4));
        CHECK(equal(packed.dq, single.dq, s.query_start, 6 * row));
        CHECK(equal(packed.dk, single.dk, s.key_start, 2 * row));
        CHECK(equal(packed.dv, single.dv, s.key_start, 2 * row));
      }
    }
  }
}

TEST_CASE("attention: prefill and decode over a cache equal the whole forward") {
  const int64_t total = 90;
  Random random(3);
  Operands whole(one_segment(4, 2, 16, 33, total, total), DType::F32, random);
  const Reference ref =
      reference(whole.c, whole.q.values(), whole.k.values(), whole.v.values(), whole.dout.values());
  const double bound = bounds_of(whole.c, DType::F32, ref).output;
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    int64_t done = 0;
    std::vector<double> o;
    for (const int64_t step : {40, 1, 1, 17, 1, 30}) {
      Operands part({4, 2, 16, 33, step, total, {{0, step, 0, done + step}}}, DType::F32, random);
      memcpy(part.q.data(), whole.q.as<float>() + done * 64, part.q.bytes());
      memcpy(part.k.data(), whole.k.data(), part.k.bytes());
      memcpy(part.v.data(), whole.v.data(), part.v.bytes());
      part.forward(*kernels, pool_of(2));
      for (const double x : part.o.values()) o.push_back(x);
      done += step;
    }
    check_close(o, ref.o, [&](int64_t i) { return bound * ref.o_abs[i] + kTiny; });
  }
}

TEST_CASE("attention: NaN in a query or a key reaches every row that sees it, and no other") {
  Random random(4);
  Operands x(one_segment(1, 1, 16, 0, 100, 100), DType::F32, random);
  x.q.set(70 * 16, NAN);
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    x.forward(*kernels, pool_of(1));
    for (int64_t t = 0; t < 100; ++t) CHECK(std::isnan(x.o.at(t * 16)) == (t == 70));
  }
  x.q.set(70 * 16, 0.5);
  x.k.set(50 * 16, NAN);
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    x.forward(*kernels, pool_of(1));
    for (int64_t t = 0; t < 100; ++t) CHECK(std::isnan(x.o.at(t * 16)) == (t >= 50));
  }
}

TEST_CASE("attention: the reference's gradients are those of its forward") {
  const Case c{2, 1, 3, 4, 6, 8, {{0, 4, 0, 6}, {4, 2, 6, 2}}};
  Random random(9);
  const auto draw = [&](int64_t n) {
    std::vector<double> values;
    for (int64_t i = 0; i < n; ++i) values.push_back(random.uniform());
    return values;
  };
  const std::vector<double> q = draw(6 * 2 * 3), k = draw(8 * 3), v = draw(8 * 3),
                            dout = draw(6 * 2 * 3);
  const Reference ref = reference(c, q, k, v, dout);
  const auto objective = [&](const auto& a, const auto& b, const auto& d) {
    return dot(reference(c, a, b, d, dout).o.data(), dout.data(),
               static_cast<int64_t>(dout.size()));
  };
  check_gradient([&](const auto& x) { return objective(x, k, v); }, q, ref.dq, 1e-8);
  check_gradient([&](const auto& x) { return objective(q, x, v); }, k, ref.dk, 1e-8);
  check_gradient([&](const auto& x) { return objective(q, k, x); }, v, ref.dv, 1e-8);
}

TEST_CASE("attention: through the stream, and what it refuses") {
  const Case c{2, 1, 4, 0, 5, 7, {{0, 5, 0, 7}}};
  Random random(8);
  Operands x(c, DType::F32, random);
  const Reference ref = reference(c, x.q.values(), x.k.values(), x.v.values(), x.dout.values());
  const Tensor q = tensor_of(DType::F32, {5, 2, 4}, x.q.values()),
               dout = tensor_of(DType::F32, {5, 2, 4}, x.dout.values());
  const Tensor k = tensor_of(DType::F32, {7, 1, 4}, x.k.values()),
               v = tensor_of(DType::F32, {7, 1, 4}, x.v.values());
  const auto [o, lse] = ops::attention(q, k, v, {0, 5, 0, 7}, c.scale(), 0);
  const auto [dq, dk, dv] =
      ops::attention_backward(dout, q, k, v, o, lse, {0, 5, 0, 7}, c.scale(), 0);
  check_close(values_of(o), ref.o, [](int64_t) { return 1e-5; });
  check_close(values_of(dq), ref.dq, [](int64_t) { return 1e-5; });
  check_close(values_of(dk), ref.dk, [](int64_t) { return 1e-5; });
  check_close(values_of(dv), ref.dv, [](int64_t) { return 1e-5; });

  const auto refused = [&](const std::vector<int64_t>& segments, const char* text) {
    check_throws(ErrorCode::Shape, text, [&] { ops::attention(q, k, v, segments, 1, 0); });
  };
  refused({0, 5, 0},
          "attention: segments must hold four numbers each (query start, query count, key start, "
          "key count); got 3 numbers.");
  refused({0, 6, 0, 7},
          "query ranges of segments must lie within the rows of q; got segment 0 = (0, 6, 0, 7) of "
          "5 rows.");
  refused({0, 5, 1, 7},
          "key ranges of segments must lie within the rows of k; got segment 0 = (0, 5, 1, 7) of 7 "
          "rows.");
  refused({0, 5, -1, 7}, "key ranges of segments must lie within the rows of k");
  refused({0, 5, 0, INT64_MAX}, "key ranges of segments must lie within the rows of k");
  refused({0, 5, 0, 4},
          "a segment must have at least as many keys as queries; got segment 0 = (0, 5, 0, 4).");
  refused(
      {0, 3, 0, 3, 2, 2, 3, 2},
      "query ranges of segments must not overlap; got rows 0 to 2 and a range that starts at 2.");
  check_throws(ErrorCode::Config, "attention: scale must be positive and finite; got 0.000000.",
               [&] { ops::attention(q, k, v, {0, 5, 0, 7}, 0, 0); });
  check_throws(ErrorCode::Config, "window must not be negative",
               [&] { ops::attention(q, k, v, {0, 5, 0, 7}, 1, -1); });
  check_throws(ErrorCode::Shape,
               "the heads of q must be a multiple of the heads of k; got 1 and 2.", [&] {
                 ops::attention(Tensor::empty(device(), DType::F32, {5, 1, 4}),
                                Tensor::empty(device(), DType::F32, {7, 2, 4}),
                                Tensor::empty(device(), DType::F32, {7, 2, 4}), {0, 5, 0, 7}, 1, 0);
               });
  check_throws(ErrorCode::Shape, "attentionBackward: key ranges of segments must not overlap", [&] {
    ops::attention_backward(dout, q, k, v, o, lse, {0, 2, 0, 4, 2, 2, 3, 3}, 1, 0);
  });
  check_throws(ErrorCode::Dtype, "attention: ", [&] {
    ops::attention(q, Tensor::empty(device(), DType::BF16, {7, 1, 4}), v, {0, 5, 0, 7}, 1, 0);
  });
}

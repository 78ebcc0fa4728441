#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {
namespace {

std::string name_segment(size_t index, const AttentionSegment& s) {
  return "segment " + std::to_string(index) + " = (" + std::to_string(s.query_start) + ", " +
         std::to_string(s.query_count) + ", " + std::to_string(s.key_start) + ", " +
         std::to_string(s.key_count) + ")";
}

bool lies_within(int64_t start, int64_t count, int64_t rows) {
  return start >= 0 && count >= 0 && start <= rows && count <= rows - start;
}

// Throws where two ranges (start, count) share a row.
void require_apart(const char* op, const char* must,
                   std::vector<std::pair<int64_t, int64_t>> ranges) {
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    const auto [start, count] = ranges[i - 1];
    require(start + count <= ranges[i].first, ErrorCode::Shape, op, must, [&] {
      return "rows " + std::to_string(start) + " to " + std::to_string(start + count - 1) +
             " and a range that starts at " + std::to_string(ranges[i].first);
    });
  }
}

std::vector<AttentionSegment> parse_segments(const char* op, const std::vector<int64_t>& flat,
                                             int64_t tokens, int64_t key_rows) {
  require(flat.size() % 4 == 0, ErrorCode::Shape, op,
          "segments must hold four numbers each (query start, query count, key start, key count)",
          [&] { return std::to_string(flat.size()) + " numbers"; });
  std::vector<AttentionSegment> segments;
  for (size_t i = 0; i < flat.size(); i += 4) {
    const AttentionSegment s{flat[i], flat[i + 1], flat[i + 2], flat[i + 3]};
    const auto got = [&] { return name_segment(i / 4, s); };
    require(lies_within(s.query_start, s.query_count, tokens), ErrorCode::Shape, op,
            "query ranges of segments must lie within the rows of q",
            [&] { return got() + " of " + std::to_string(tokens) + " rows"; });
    require(lies_within(s.key_start, s.key_count, key_rows), ErrorCode::Shape, op,
            "key ranges of segments must lie within the rows of k",
            [&] { return got() + " of " + std::to_string(key_rows) + " rows"; });
    require(s.key_count >= s.query_count, ErrorCode::Shape, op,
            "a segment must have at least as many keys as queries", got);
    require(s.key_count <= INT32_MAX, ErrorCode::Shape, op,
            "a segment must have less than 2^31 keys", got);
    if (s.query_count > 0) segments.push_back(s);
  }
  return segments;
}

void require_queries_apart(const char* op, const std::vector<AttentionSegment>& segments) {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const AttentionSegment& s : segments) ranges.emplace_back(s.query_start, s.query_count);
  require_apart(op, "query ranges of segments must not overlap", std::move(ranges));
}

void require_keys_apart(const char* op, const std::vector<AttentionSegment>& segments) {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const AttentionSegment& s : segments) ranges.emplace_back(s.key_start, s.key_count);
  require_apart(op, "key ranges of segments must not overlap", std::move(ranges));
}

struct Inputs {
  const Tensor& q;
  const Tensor& k;
  const Tensor& v;
  const std::vector<int64_t>& segments;
  double scale;
  int64_t window;
};

AttentionShape check_inputs(const char* op, const Inputs& in) {
  require_act(op, "q", in.q);
  require_rank(op, "q", in.q, 3);
  require_same_dtype(op, "q", in.q, "k", in.k);
  require_rank(op, "k", in.k, 3);
  require_shape(op, "k", in.k, {-1, -1, in.q.dim(2)});
  require_same_dtype(op, "q", in.q, "v", in.v);
  require_same_shape(op, "k", in.k, "v", in.v);
  require(in.k.dim(1) > 0 && in.q.dim(1) % in.k.dim(1) == 0, ErrorCode::Shape, op,
          "the heads of q must be a multiple of the heads of k",
          [&] { return std::to_string(in.q.dim(1)) + " and " + std::to_string(in.k.dim(1)); });
  require(std::isfinite(in.scale) && in.scale > 0, ErrorCode::Config, op,
          "scale must be positive and finite", [&] { return std::to_string(in.scale); });
  require(in.window >= 0, ErrorCode::Config, op, "window must not be negative (0: no window)",
          [&] { return std::to_string(in.window); });

  AttentionShape shape;
  shape.dtype = in.q.dtype();
  shape.tokens = in.q.dim(0);
  shape.key_rows = in.k.dim(0);
  shape.heads = in.q.dim(1);
  shape.kv_heads = in.k.dim(1);
  shape.head_dim = in.q.dim(2);
  shape.scale = static_cast<float>(in.scale);
  shape.window = in.window;
  shape.segments = parse_segments(op, in.segments, shape.tokens, shape.key_rows);
  require_queries_apart(op, shape.segments);
  return shape;
}

}  // namespace

std::tuple<Tensor, Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                     const std::vector<int64_t>& segments, double scale,
                                     int64_t window) {
  constexpr const char* op = "attention";
  AttentionArgs args;
  args.shape = check_inputs(op, {q, k, v, segments, scale, window});
  Device& device = require_one_device(op, {&q, &k, &v});
  const Tensor o = Tensor::empty(device, q.dtype(), q.shape());
  const Tensor lse = Tensor::empty(device, DType::F32, {q.dim(0), q.dim(1)});
  args.q = q.data();
  args.k = k.data();
  args.v = v.data();
  args.o = o.data();
  args.lse = lse.data_as<float>();
  device.launch(op, &Device::attention, args, Uses().reads({&q, &k, &v}).writes({&o, &lse}));
  return {o, lse};
}

std::tuple<Tensor, Tensor, Tensor> attention_backward(const Tensor& dout, const Tensor& q,
                                                      const Tensor& k, const Tensor& v,
                                                      const Tensor& o, const Tensor& lse,
                                                      const std::vector<int64_t>& segments,
                                                      double scale, int64_t window) {
  constexpr const char* op = "attentionBackward";
  AttentionBackwardArgs args;
  args.shape = check_inputs(op, {q, k, v, segments, scale, window});
  require_keys_apart(op, args.shape.segments);
  require_same_dtype(op, "q", q, "dout", dout);
  require_same_shape(op, "q", q, "dout", dout);
  require_same_dtype(op, "q", q, "o", o);
  require_same_shape(op, "q", q, "o", o);
  require_dtype(op, "lse", lse, DType::F32);
  require_shape(op, "lse", lse, {q.dim(0), q.dim(1)});
  Device& device = require_one_device(op, {&dout, &q, &k, &v, &o, &lse});

  const Tensor dq = Tensor::empty(device, q.dtype(), q.shape());
  const Tensor dk = Tensor::empty(device, k.dtype(), k.shape());
  const Tensor dv = Tensor::empty(device, v.dtype(), v.shape());
  const Tensor delta = Tensor::empty(device, DType::F32, lse.shape());
  args.dout = dout.data();
  args.q = q.data();
  args.k = k.data();
  args.v = v.data();
  args.o = o.data();
  args.lse = lse.data_as<float>();
  args.dq = dq.data();
  args.dk = dk.data();
  args.dv = dv.data();
  args.delta = delta.data_as<float>();
  device.launch(op, &Device::attention_backward, args,
                Uses().reads({&dout, &q, &k, &v, &o, &lse}).writes({&dq, &dk, &dv}));
  return {dq, dk, dv};
}

}  // namespace llft::ops

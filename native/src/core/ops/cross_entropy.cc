#include <algorithm>

#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {
namespace {

constexpr int64_t kLogitsBytes = int64_t{64} << 20;

// Rows of float32 logits that fit the workspace, in chunks of nearly equal length.
int64_t chunk_rows_of(int64_t tokens, int64_t vocabulary) {
  const int64_t most = std::max<int64_t>(1, kLogitsBytes / (4 * vocabulary));
  const int64_t chunks = std::max<int64_t>(1, (tokens + most - 1) / most);
  return std::max<int64_t>(1, (tokens + chunks - 1) / chunks);
}

void require_smoothing(const char* op, double smoothing) {
  require(smoothing >= 0 && smoothing < 1, ErrorCode::Config, op, "smoothing must be in [0, 1)",
          [&] { return std::to_string(smoothing); });
}

}  // namespace

std::tuple<Tensor, Tensor> cross_entropy(const Tensor& logits, const Tensor& labels,
                                         double smoothing, bool want_dlogits) {
  constexpr const char* op = "crossEntropy";
  require_act(op, "logits", logits);
  require_rank(op, "logits", logits, 2);
  require(logits.dim(1) > 0, ErrorCode::Shape, op, "logits must have at least one column",
          [&] { return describe(logits); });
  require_dtype(op, "labels", labels, DType::I32);
  require_shape(op, "labels", labels, {logits.dim(0)});
  require_smoothing(op, smoothing);
  Device& device = require_one_device(op, {&logits, &labels});

  const Tensor loss = Tensor::empty(device, DType::F32, {1});
  const Tensor row_losses = Tensor::empty(device, DType::F32, {2 * logits.dim(0)});  // float64
  const Tensor dlogits =
      want_dlogits ? Tensor::empty(device, logits.dtype(), logits.shape()) : Tensor();
  CrossEntropyArgs args;
  args.op = op;
  args.dtype = logits.dtype();
  args.logits = logits.data();
  args.labels = labels.data_as<int32_t>();
  args.row_losses = row_losses.data_as<double>();
  args.loss = loss.data_as<float>();
  args.dlogits = want_dlogits ? dlogits.data() : nullptr;
  args.tokens = logits.dim(0);
  args.vocabulary = logits.dim(1);
  args.smoothing = smoothing;
  device.launch(op, &Device::cross_entropy, args,
                Uses().reads({&logits, &labels}).writes({&loss, &dlogits}));
  return {loss, dlogits};
}

std::tuple<Tensor, Tensor, Tensor> linear_cross_entropy(const Tensor& x, const Tensor& w,
                                                        const Tensor& labels, double smoothing,
                                                        bool want_dx, bool want_dw) {
  constexpr const char* op = "linearCrossEntropy";
  require_act(op, "x", x);
  require_rank(op, "x", x, 2);
  require_same_dtype(op, "x", x, "w", w);
  require_shape(op, "w", w, {-1, x.dim(1)});
  require(w.dim(0) > 0, ErrorCode::Shape, op, "w must have at least one row",
          [&] { return describe(w); });
  require_dtype(op, "labels", labels, DType::I32);
  require_shape(op, "labels", labels, {x.dim(0)});
  require_smoothing(op, smoothing);

  const int64_t tokens = x.dim(0), width = x.dim(1), vocabulary = w.dim(0);
  const int64_t chunk_rows = chunk_rows_of(tokens, vocabulary);
  Device& device = require_one_device(op, {&x, &w, &labels});
  const Tensor loss = Tensor::empty(device, DType::F32, {1});
  const Tensor dx = want_dx ? Tensor::empty(device, x.dtype(), x.shape()) : Tensor();
  const Tensor dw = want_dw ? Tensor::empty(device, DType::F32, w.shape()) : Tensor();
  const Tensor logits = Tensor::empty(device, DType::F32, {chunk_rows, vocabulary});
  const Tensor rows = Tensor::empty(device, x.dtype(), {chunk_rows, width});
  const Tensor row_grads =
      want_dx ? Tensor::empty(device, x.dtype(), {chunk_rows, width}) : Tensor();
  LinearCrossEntropyArgs args;
  args.op = op;
  args.dtype = x.dtype();
  args.x = x.data();
  args.w = w.data();
  args.labels = labels.data_as<int32_t>();
  args.loss = loss.data_as<float>();
  args.dx = want_dx ? dx.data() : nullptr;
  args.dw = want_dw ? dw.data_as<float>() : nullptr;
  args.tokens = tokens;
  args.width = width;
  args.vocabulary = vocabulary;
  args.chunk_rows = chunk_rows;
  args.smoothing = smoothing;
  args.logits = logits.data_as<float>();
  args.rows = rows.data();
  args.row_grads = want_dx ? row_grads.data() : nullptr;
  device.launch(op, &Device::linear_cross_entropy, args,
                Uses().reads({&x, &w, &labels}).writes({&loss, &dx, &dw}));
  return {loss, dx, dw};
}

}  // namespace llft::ops

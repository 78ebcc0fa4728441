// embedding and embedding_backward. Ids outside of the vocabulary are found by the kernels.
#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {

Tensor embedding(const Tensor& weight, const Tensor& ids) {
  constexpr const char* op = "embedding";
  require_act(op, "weight", weight);
  require_rank(op, "weight", weight, 2);
  require_dtype(op, "ids", ids, DType::I32);
  require_rank(op, "ids", ids, 1);
  const int64_t tokens = ids.dim(0), vocabulary = weight.dim(0), columns = weight.dim(1);
  Device& device = require_one_device(op, {&weight, &ids});
  const Tensor y = Tensor::empty(device, weight.dtype(), {tokens, columns});
  device.launch(op, &Device::embedding,
                EmbeddingArgs{weight.data(), ids.data_as<int32_t>(), y.data(), tokens, vocabulary,
                              columns, weight.dtype()},
                Uses().reads({&weight, &ids}).writes({&y}));
  return y;
}

Tensor embedding_backward(const Tensor& dy, const Tensor& ids, int64_t vocabulary) {
  constexpr const char* op = "embeddingBackward";
  require_act(op, "dy", dy);
  require_rank(op, "dy", dy, 2);
  require_dtype(op, "ids", ids, DType::I32);
  require_shape(op, "ids", ids, {dy.dim(0)});
  Device& device = require_one_device(op, {&dy, &ids});
  const Tensor dweight = Tensor::empty(device, DType::F32, {vocabulary, dy.dim(1)});
  device.launch(op, &Device::embedding_backward,
                EmbeddingBackwardArgs{dy.data(), ids.data_as<int32_t>(), dweight.data_as<float>(),
                                      dy.dim(0), vocabulary, dy.dim(1), dy.dtype()},
                Uses().reads({&dy, &ids}).writes({&dweight}));
  return dweight;
}

}  // namespace llft::ops

// embedding and embedding_backward. Ids outside of the vocabulary are found by the kernels.
#include "core/check.h"
#include "core/ops.h"
#include "cpu/cpu_device.h"

namespace llft::ops {

Tensor embedding(const Tensor& weight, const Tensor& ids) {
  constexpr const char* op = "embedding";
  require_act(op, "weight", weight);
  require_rank(op, "weight", weight, 2);
  require_dtype(op, "ids", ids, DType::I32);
  require_rank(op, "ids", ids, 1);
  const int64_t tokens = ids.dim(0), vocabulary = weight.dim(0), columns = weight.dim(1);
  const Tensor y = Tensor::empty(weight.dtype(), {tokens, columns});
  cpu::launch(op, &cpu::Kernels::embedding,
              cpu::EmbeddingArgs{weight.data(), ids.data_as<int32_t>(), y.data(), tokens,
                                 vocabulary, columns, weight.dtype()});
  return y;
}

Tensor embedding_backward(const Tensor& dy, const Tensor& ids, int64_t vocabulary) {
  constexpr const char* op = "embeddingBackward";
  require_act(op, "dy", dy);
  require_rank(op, "dy", dy, 2);
  require_dtype(op, "ids", ids, DType::I32);
  require_shape(op, "ids", ids, {dy.dim(0)});
  const Tensor dweight = Tensor::empty(DType::F32, {vocabulary, dy.dim(1)});
  cpu::launch(
      op, &cpu::Kernels::embedding_backward,
      cpu::EmbeddingBackwardArgs{dy.data(), ids.data_as<int32_t>(), dweight.data_as<float>(),
                                 dy.dim(0), vocabulary, dy.dim(1), dy.dtype()});
  return dweight;
}

}  // namespace llft::ops

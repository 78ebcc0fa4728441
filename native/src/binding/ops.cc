// The ops of core/ops.h under their JavaScript names.
#include "core/ops.h"

#include "binding/bind.h"
#include "binding/optimizer_rates.h"

namespace llft::binding {
namespace {

// X(function, JavaScript name)
#define LLFT_OPS(X)                             \
  X(empty, "empty")                             \
  X(fill, "fill")                               \
  X(fill_uniform, "fillUniform")                \
  X(fill_normal, "fillNormal")                  \
  X(cast, "cast")                               \
  X(copy, "copy")                               \
  X(view, "view")                               \
  X(slice_rows, "sliceRows")                    \
  X(slice_columns, "sliceColumns")              \
  X(concat_columns, "concatColumns")            \
  X(gather_rows, "gatherRows")                  \
  X(scatter_rows, "scatterRows")                \
  X(scatter_add_rows, "scatterAddRows")         \
  X(add, "add")                                 \
  X(mul, "mul")                                 \
  X(scale, "scale")                             \
  X(accumulate, "accumulate")                   \
  X(mul_columns, "mulColumns")                  \
  X(mul_columns_dv, "mulColumnsDv")             \
  X(sum_rows, "sumRows")                        \
  X(reduce_sum, "reduceSum")                    \
  X(sum_squares, "sumSquares")                  \
  X(row_norms, "rowNorms")                      \
  X(dropout, "dropout")                         \
  X(embedding, "embedding")                     \
  X(embedding_backward, "embeddingBackward")    \
  X(linear, "linear")                           \
  X(linear_dx, "linearDx")                      \
  X(linear_dw, "linearDw")                      \
  X(quantize_4bit, "quantize4bit")              \
  X(quantize_int8, "quantizeInt8")              \
  X(quantize_blocks, "quantizeBlocks")          \
  X(quantize_8bit, "quantize8bit")              \
  X(dequantize_8bit, "dequantize8bit")          \
  X(dequantize_rows, "dequantizeRows")          \
  X(embedding_quantized, "embeddingQuantized")  \
  X(linear_quantized, "linearQuantized")        \
  X(linear_quantized_dx, "linearQuantizedDx")   \
  X(rms_norm, "rmsNorm")                        \
  X(rms_norm_backward, "rmsNormBackward")       \
  X(rope, "rope")                               \
  X(attention, "attention")                     \
  X(attention_backward, "attentionBackward")    \
  X(swiglu, "swiglu")                           \
  X(swiglu_backward, "swigluBackward")          \
  X(linear_cross_entropy, "linearCrossEntropy") \
  X(cross_entropy, "crossEntropy")              \
  X(clip_factor, "clipFactor")                  \
  X(adamw_step, "adamwStep")                    \
  X(adamw8bit_step, "adamw8bitStep")            \
  X(lion_step, "lionStep")                      \
  X(adafactor_step, "adafactorStep")            \
  X(sgd_step, "sgdStep")                        \
  X(sample, "sample")

}  // namespace

void bind_ops(Napi::Object exports, Environment& environment) {
#define LLFT_BIND(function, name) bind<&ops::function>(exports, environment, name);
  LLFT_OPS(LLFT_BIND)
#undef LLFT_BIND
}

}  // namespace llft::binding

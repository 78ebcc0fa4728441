// What a kernel has to do, from its arguments: the floating-point operations and the bytes that its
// header names. Kernels without an overload move a few bytes and count as nothing but time.
#pragma once

#include "core/dtype.h"
#include "core/kernels.h"

namespace llft {

struct Cost {
  double flops = 0;
  double bytes = 0;      // of operands, each counted once
  bool is_bf16 = false;  // multiplies bfloat16, so that its limit is that of bfloat16
};

template <class Args>
Cost cost_of(const Args&) {
  return {};
}
Cost cost_of(const GemmArgs& args);
Cost cost_of(const AttentionArgs& args);
Cost cost_of(const AttentionBackwardArgs& args);
Cost cost_of(const LinearCrossEntropyArgs& args);
Cost cost_of(const CrossEntropyArgs& args);
Cost cost_of(const RmsNormArgs& args);
Cost cost_of(const RmsNormBackwardArgs& args);
Cost cost_of(const RopeArgs& args);
Cost cost_of(const SwigluArgs& args);
Cost cost_of(const SwigluBackwardArgs& args);
Cost cost_of(const EmbeddingArgs& args);
Cost cost_of(const EmbeddingBackwardArgs& args);
Cost cost_of(const DropoutArgs& args);
Cost cost_of(const BinaryArgs& args);
Cost cost_of(const ScaleArgs& args);
Cost cost_of(const AccumulateArgs& args);
Cost cost_of(const ConvertArgs& args);
Cost cost_of(const MulColumnsArgs& args);
Cost cost_of(const ColumnSumsArgs& args);
Cost cost_of(const ReduceArgs& args);
Cost cost_of(const CopyColumnsArgs& args);
Cost cost_of(const MoveRowsArgs& args);
Cost cost_of(const AdamwStepArgs& args);
Cost cost_of(const Adamw8bitStepArgs& args);
Cost cost_of(const SgdStepArgs& args);
Cost cost_of(const LionStepArgs& args);

}  // namespace llft

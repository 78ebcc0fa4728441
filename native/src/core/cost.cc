#include "core/cost.h"

#include <algorithm>

#include "core/blocks.h"

namespace llft {
namespace {

// n elements that are read or written `times` times.
double bytes_of(DType dtype, int64_t n, double times = 1) {
  return times * static_cast<double>(n) * static_cast<double>(size_of(dtype));
}

double product(int64_t m, int64_t n, int64_t k) {
  return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}

// Bytes of an element of B where it is stored as it is, or in codes with their absmax left out.
double bytes_of_b(const GemmArgs& args, const GemmTerm& term) {
  const double elements = static_cast<double>(args.n) * static_cast<double>(term.k);
  if (!term.is_quantized()) return elements * static_cast<double>(size_of(args.in_dtype));
  const QuantFormat format = term.quantized.format;
  if (is_blocks(format)) {
    return elements * static_cast<double>(block_bytes(format)) /
           static_cast<double>(block_elements(format));
  }
  return format == QuantFormat::INT8 ? elements : elements / 2;
}

// Pairs of a query and a key that it sees, over all heads.
double visible_pairs(const AttentionShape& shape) {
  double pairs = 0;
  for (const AttentionSegment& segment : shape.segments) {
    const int64_t window = shape.window > 0 ? shape.window : segment.key_count;
    const int64_t first = segment.key_count - segment.query_count;
    for (int64_t i = 0; i < segment.query_count; ++i) {
      pairs += static_cast<double>(std::min(first + i + 1, window));
    }
  }
  return pairs * static_cast<double>(shape.heads);
}

Cost attention_cost(const AttentionShape& shape, double flops_per_pair, double query_tensors,
                    double key_tensors) {
  const int64_t queries = shape.tokens * shape.heads * shape.head_dim;
  const int64_t keys = shape.key_rows * shape.kv_heads * shape.head_dim;
  return {visible_pairs(shape) * flops_per_pair * static_cast<double>(shape.head_dim),
          bytes_of(shape.dtype, queries, query_tensors) + bytes_of(shape.dtype, keys, key_tensors),
          shape.dtype == DType::BF16};
}

Cost elementwise_cost(int64_t n, double flops, double bytes) {
  return {static_cast<double>(n) * flops, bytes, false};
}

}  // namespace

Cost cost_of(const GemmArgs& args) {
  Cost cost{0, bytes_of(args.out_dtype, args.m * args.n), args.in_dtype == DType::BF16};
  for (int s = 0; s < args.term_count; ++s) {
    const GemmTerm& term = args.terms[s];
    cost.flops += product(args.m, args.n, term.k);
    cost.bytes += bytes_of(args.in_dtype, args.m * term.k) + bytes_of_b(args, term);
  }
  return cost;
}

Cost cost_of(const AttentionArgs& args) { return attention_cost(args.shape, 4, 2, 2); }
Cost cost_of(const AttentionBackwardArgs& args) { return attention_cost(args.shape, 10, 4, 4); }

Cost cost_of(const LinearCrossEntropyArgs& args) {
  const double products = 1.0 + (args.dx ? 1 : 0) + (args.dw ? 1 : 0);
  return {products * product(args.tokens, args.vocabulary, args.width),
          products * bytes_of(args.dtype, args.vocabulary * args.width), args.dtype == DType::BF16};
}

Cost cost_of(const CrossEntropyArgs& args) {
  const int64_t n = args.tokens * args.vocabulary;
  return elementwise_cost(n, args.smoothing > 0 ? 11 : 10,
                          bytes_of(args.dtype, n, args.dlogits ? 2 : 1));
}

Cost cost_of(const RmsNormArgs& args) {
  const int64_t n = args.rows * args.columns;
  const double sums =
      args.residual ? bytes_of(args.residual_dtype, n) + bytes_of(DType::F32, n) : 0;
  return elementwise_cost(n, 5, bytes_of(args.dtype, n, 2) + sums);
}

Cost cost_of(const RmsNormBackwardArgs& args) {
  const int64_t n = args.rows * args.columns;
  const double dsum = args.dsum ? bytes_of(DType::F32, n) : 0;
  return elementwise_cost(
      n, 10,
      bytes_of(args.dtype, n) + bytes_of(args.x_dtype, n) + bytes_of(args.dx_dtype, n) + dsum);
}

Cost cost_of(const RopeArgs& args) {
  const int64_t n = args.tokens * args.heads * args.head_dim;
  return elementwise_cost(n, 3, bytes_of(args.dtype, n, 2));
}

Cost cost_of(const SwigluArgs& args) {
  return elementwise_cost(args.n, 20, bytes_of(args.dtype, args.n, 3));
}
Cost cost_of(const SwigluBackwardArgs& args) {
  return elementwise_cost(args.n, 27, bytes_of(args.dtype, args.n, 5));
}

Cost cost_of(const EmbeddingArgs& args) {
  return elementwise_cost(0, 0, bytes_of(args.dtype, args.tokens * args.columns, 2));
}
Cost cost_of(const EmbeddingBackwardArgs& args) {
  const int64_t n = args.tokens * args.columns;
  return elementwise_cost(
      n, 1, bytes_of(args.dtype, n) + bytes_of(DType::F32, args.vocabulary * args.columns));
}

Cost cost_of(const DropoutArgs& args) {
  return elementwise_cost(args.n, 1, bytes_of(args.dtype, args.n, 2));
}
Cost cost_of(const BinaryArgs& args) {
  return elementwise_cost(args.n, 1, bytes_of(args.dtype, args.n, 3));
}
Cost cost_of(const ScaleArgs& args) {
  return elementwise_cost(args.n, 1, bytes_of(args.dtype, args.n, 2));
}
Cost cost_of(const AccumulateArgs& args) {
  return elementwise_cost(args.n, 1,
                          bytes_of(args.dtype, args.n) + bytes_of(DType::F32, args.n, 2));
}
Cost cost_of(const ConvertArgs& args) {
  return elementwise_cost(
      0, 0, bytes_of(args.src_dtype, args.count) + bytes_of(args.dst_dtype, args.count));
}
Cost cost_of(const MulColumnsArgs& args) {
  const int64_t n = args.rows * args.columns;
  return elementwise_cost(n, 1, bytes_of(args.dtype, n, 2));
}
Cost cost_of(const ColumnSumsArgs& args) {
  const int64_t n = args.rows * args.columns;
  return elementwise_cost(n, 2, bytes_of(args.dtype, n, args.b ? 2 : 1));
}

Cost cost_of(const ReduceArgs& args) {
  Cost cost;
  for (const ReduceSource& source : args.sources) {
    cost.flops += 2.0 * static_cast<double>(source.n);
    cost.bytes += bytes_of(source.dtype, source.n);
  }
  return cost;
}

Cost cost_of(const CopyColumnsArgs& args) {
  int64_t width = 0;
  for (const CopyColumnsArgs::Part& part : args.parts) width += part.width;
  return elementwise_cost(0, 0, bytes_of(DType::U8, args.rows * width, 2));
}
Cost cost_of(const MoveRowsArgs& args) {
  return elementwise_cost(0, 0, bytes_of(DType::U8, args.index_count * args.width, 2));
}

Cost cost_of(const AdamwStepArgs& args) {
  return elementwise_cost(args.n, 14, bytes_of(DType::F32, args.n, 7));
}
Cost cost_of(const Adamw8bitStepArgs& args) {
  return elementwise_cost(args.n, 20,
                          bytes_of(DType::F32, args.n, 3) + bytes_of(DType::U8, args.n, 4));
}
Cost cost_of(const SgdStepArgs& args) {
  return elementwise_cost(args.n, 6, bytes_of(DType::F32, args.n, args.buffer ? 5 : 3));
}
Cost cost_of(const LionStepArgs& args) {
  return elementwise_cost(args.n, 8, bytes_of(DType::F32, args.n, 5));
}

}  // namespace llft

// dequantize_rows, embedding_quantized, linear_quantized and linear_quantized_dx, and the contract
// of their matrix.
#include <bit>

#include "core/blocks.h"
#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"
#include "core/ops/linear_checks.h"
#include "core/ops/quantized_checks.h"

namespace llft::ops {
namespace {

void require_nested(const char* op, const QuantizedMatrix& w) {
  const bool is_double = w.absmax.dtype() == DType::U8;
  require(bool(w.nested_absmax) == is_double && bool(w.offset) == is_double, ErrorCode::Shape, op,
          "w.nestedAbsmax and w.offset must be given with a uint8 absmax, and only then",
          [&] { return describe(w.nested_absmax) + " and " + describe(w.offset); });
  if (!is_double) return;
  require_dtype(op, "w.nestedAbsmax", w.nested_absmax, DType::F32);
  require_shape(op, "w.nestedAbsmax", w.nested_absmax, {ceil_div(w.absmax.numel(), kNestedBlock)});
  require_dtype(op, "w.offset", w.offset, DType::F32);
  require_shape(op, "w.offset", w.offset, {1});
}

void require_int8(const char* op, const QuantizedMatrix& w) {
  require_dtype(op, "w.codes", w.codes, DType::I8);
  require_shape(op, "w.codes", w.codes, {w.rows, w.columns});
  require_dtype(op, "w.absmax", w.absmax, DType::F32);
  require_shape(op, "w.absmax", w.absmax, {w.rows});
  require(!w.nested_absmax && !w.offset, ErrorCode::Shape, op,
          "w.nestedAbsmax and w.offset must be absent of int8",
          [&] { return describe(w.nested_absmax) + " and " + describe(w.offset); });
}

void require_gguf_blocks(const char* op, const QuantizedMatrix& w) {
  require_whole_blocks(op, w.format, w.columns);
  require_dtype(op, "w.codes", w.codes, DType::U8);
  require_shape(op, "w.codes", w.codes, {w.rows, row_bytes(w.format, w.columns)});
  require(!w.absmax && !w.nested_absmax && !w.offset, ErrorCode::Shape, op,
          "w.absmax, w.nestedAbsmax and w.offset must be absent of blocks of GGUF",
          [&] { return describe(w.absmax); });
}

Tensor dequantize(const char* op, const QuantizedMatrix& w, const Tensor& ids, int64_t start,
                  int64_t count, DType dtype) {
  require(dtype == DType::F32 || dtype == DType::BF16, ErrorCode::Dtype, op,
          "the output must be float32 or bfloat16", name_of(dtype));
  Device& device = require_one_device(op, {&w.codes, &w.absmax, &w.nested_absmax, &w.offset, &ids});
  const Tensor out = Tensor::empty(device, dtype, {count, w.columns});
  DequantizeRowsArgs args;
  args.w = data_of(w);
  args.start = start;
  args.ids = ids ? ids.data_as<int32_t>() : nullptr;
  args.rows = w.rows;
  args.count = count;
  args.dtype = dtype;
  args.out = out.data();
  device.launch(op, &Device::dequantize_rows, args, reads(w).reads({&ids}).writes({&out}));
  return out;
}

}  // namespace

void require_whole_blocks(const char* op, QuantFormat format, int64_t columns) {
  const int64_t elements = block_elements(format);
  require(columns % elements == 0, ErrorCode::Shape, op,
          (std::string("a row of ") + name_of(format) + " must be whole blocks of " +
           std::to_string(elements))
              .c_str(),
          [&] { return std::to_string(columns) + " columns"; });
}

void require_block(const char* op, int64_t block) {
  const bool holds = block >= 32 && block <= 4096 && (block & (block - 1)) == 0;
  require(holds, ErrorCode::Config, op, "the block must be a power of two from 32 to 4096",
          [&] { return std::to_string(block); });
}

void require_quantized(const char* op, const QuantizedMatrix& w) {
  const int64_t count = checked_numel(op, {w.rows, w.columns});
  if (w.format == QuantFormat::INT8) return require_int8(op, w);
  if (is_blocks(w.format)) return require_gguf_blocks(op, w);
  require_block(op, w.block);
  require_dtype(op, "w.codes", w.codes, DType::U8);
  require_shape(op, "w.codes", w.codes, {ceil_div(count, 2)});
  require_dtype(op, "w.absmax", w.absmax, {DType::F32, DType::U8});
  require_shape(op, "w.absmax", w.absmax, {ceil_div(count, w.block)});
  require_nested(op, w);
}

QuantizedData data_of(const QuantizedMatrix& w) {
  QuantizedData data;
  data.format = w.format;
  data.columns = w.columns;
  data.codes = w.codes.data_as<uint8_t>();
  if (is_blocks(w.format)) return data;
  if (w.format != QuantFormat::INT8) {
    data.block_shift = std::countr_zero(static_cast<uint64_t>(w.block));
  }
  if (w.absmax.dtype() == DType::F32) {
    data.absmax = w.absmax.data_as<float>();
  } else {
    data.absmax_codes = w.absmax.data_as<uint8_t>();
    data.nested_absmax = w.nested_absmax.data_as<float>();
    data.offset = w.offset.data_as<float>();
  }
  return data;
}

Uses reads(const QuantizedMatrix& w) {
  return Uses().reads({&w.codes, &w.absmax, &w.nested_absmax, &w.offset});
}

Tensor dequantize_rows(const QuantizedMatrix& w, int64_t start, int64_t count, DType dtype) {
  constexpr const char* op = "dequantizeRows";
  require_quantized(op, w);
  require(start >= 0 && count >= 0 && start <= w.rows - count, ErrorCode::Shape, op,
          ("the rows must lie in the " + std::to_string(w.rows) + " of w").c_str(),
          [&] { return std::to_string(count) + " from " + std::to_string(start); });
  return dequantize(op, w, Tensor(), start, count, dtype);
}

Tensor embedding_quantized(const QuantizedMatrix& w, const Tensor& ids, DType dtype) {
  constexpr const char* op = "embeddingQuantized";
  require_quantized(op, w);
  require_dtype(op, "ids", ids, DType::I32);
  require_rank(op, "ids", ids, 1);
  return dequantize(op, w, ids, 0, ids.dim(0), dtype);
}

Tensor linear_quantized(const Tensor& x, const QuantizedMatrix& w, const Tensor& bias,
                        const Tensor& h, const Tensor& b, double scale, DType out_dtype,
                        bool fixed_point) {
  constexpr const char* op = "linearQuantized";
  require_act(op, "x", x);
  require_quantized(op, w);
  const int64_t n = w.rows, k = w.columns;
  require_linear(op, x, n, k, bias, h, b, out_dtype);
  Device& device =
      require_one_device(op, {&x, &w.codes, &w.absmax, &w.nested_absmax, &w.offset, &bias, &h, &b});
  const Tensor y = Tensor::empty(device, out_dtype, with_columns(x, n));
  GemmArgs args = forward_product(x, bias, h, b, scale, y);
  args.terms[0].quantized = data_of(w);
  args.terms[0].fixed_point = fixed_point;
  device.launch(op, &Device::gemm, args, reads(w).reads({&x, &bias, &h, &b}).writes({&y}));
  return y;
}

Tensor linear_quantized_dx(const Tensor& dy, const QuantizedMatrix& w, double factor,
                           const Tensor& dh, const Tensor& a) {
  constexpr const char* op = "linearQuantizedDx";
  require_act(op, "dy", dy);
  require_quantized(op, w);
  require_rows(op, "dy", dy, w.rows);
  require_low_rank(op, "dh", dh, "a", a, {-1, w.columns}, dy);
  Device& device =
      require_one_device(op, {&dy, &w.codes, &w.absmax, &w.nested_absmax, &w.offset, &dh, &a});
  const Tensor dx = Tensor::empty(device, dy.dtype(), with_columns(dy, w.columns));
  GemmArgs args = backward_product(dy, factor, dh, a, dx);
  args.terms[0].quantized = data_of(w);
  device.launch(op, &Device::gemm, args, reads(w).reads({&dy, &dh, &a}).writes({&dx}));
  return dx;
}

}  // namespace llft::ops

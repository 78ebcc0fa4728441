// quantize_4bit, quantize_int8, quantize_blocks, quantize_8bit and dequantize_8bit: floats to codes.
#include "core/blocks.h"
#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"
#include "core/ops/quantized_checks.h"

namespace llft::ops {
namespace {

void require_matrix(const char* op, const Tensor& x) {
  require_dtype(op, "x", x, {DType::F32, DType::BF16, DType::F16});
  require_rank(op, "x", x, 2);
}

}  // namespace

std::tuple<Tensor, Tensor> quantize_4bit(const Tensor& x, QuantFormat format, int64_t block) {
  constexpr const char* op = "quantize4bit";
  require_matrix(op, x);
  require(format == QuantFormat::NF4 || format == QuantFormat::FP4, ErrorCode::Config, op,
          "the format must be nf4 or fp4", name_of(format));
  require_block(op, block);
  const int64_t n = x.numel();
  Device& device = require_one_device(op, {&x});
  const Tensor codes = Tensor::empty(device, DType::U8, {ceil_div(n, 2)});
  const Tensor absmax = Tensor::empty(device, DType::F32, {ceil_div(n, block)});
  Quantize4bitArgs args;
  args.format = format;
  args.dtype = x.dtype();
  args.x = x.data();
  args.n = n;
  args.block = block;
  args.codes = codes.data_as<uint8_t>();
  args.absmax = absmax.data_as<float>();
  device.launch(op, &Device::quantize_4bit, args, Uses().reads({&x}).writes({&codes, &absmax}));
  return {codes, absmax};
}

std::tuple<Tensor, Tensor> quantize_int8(const Tensor& x) {
  constexpr const char* op = "quantizeInt8";
  require_matrix(op, x);
  Device& device = require_one_device(op, {&x});
  const Tensor codes = Tensor::empty(device, DType::I8, x.shape());
  const Tensor absmax = Tensor::empty(device, DType::F32, {x.dim(0)});
  QuantizeInt8Args args;
  args.dtype = x.dtype();
  args.x = x.data();
  args.rows = x.dim(0);
  args.columns = x.dim(1);
  args.codes = codes.data_as<int8_t>();
  args.absmax = absmax.data_as<float>();
  device.launch(op, &Device::quantize_int8, args, Uses().reads({&x}).writes({&codes, &absmax}));
  return {codes, absmax};
}

Tensor quantize_blocks(const Tensor& x, QuantFormat format, const Tensor& importance) {
  constexpr const char* op = "quantizeBlocks";
  require_matrix(op, x);
  require(is_blocks(format), ErrorCode::Config, op, "the format must be one of GGUF, such as Q4_K",
          name_of(format));
  require_whole_blocks(op, format, x.dim(1));
  if (importance) {
    require_dtype(op, "importance", importance, DType::F32);
    require_shape(op, "importance", importance, {x.dim(1)});
  }
  Device& device = require_one_device(op, {&x, &importance});
  const Tensor blocks = Tensor::empty(device, DType::U8, {x.dim(0), row_bytes(format, x.dim(1))});
  QuantizeBlocksArgs args;
  args.format = format;
  args.dtype = x.dtype();
  args.x = x.data();
  args.importance = importance ? importance.data_as<float>() : nullptr;
  args.rows = x.dim(0);
  args.columns = x.dim(1);
  args.blocks = blocks.data_as<uint8_t>();
  device.launch(op, &Device::quantize_blocks, args,
                Uses().reads({&x, &importance}).writes({&blocks}));
  return blocks;
}

std::tuple<Tensor, Tensor, Tensor> quantize_8bit(const Tensor& x, bool is_signed, int64_t block,
                                                 bool subtract_mean) {
  constexpr const char* op = "quantize8bit";
  require_dtype(op, "x", x, DType::F32);
  require_rank(op, "x", x, 1);
  require_block(op, block);
  const int64_t n = x.numel();
  Device& device = require_one_device(op, {&x});
  const Tensor codes = Tensor::empty(device, DType::U8, {n});
  const Tensor absmax = Tensor::empty(device, DType::F32, {ceil_div(n, block)});
  const Tensor offset = subtract_mean ? Tensor::empty(device, DType::F32, {1}) : Tensor();
  Quantize8bitArgs args;
  args.x = x.data_as<float>();
  args.n = n;
  args.block = block;
  args.is_signed = is_signed;
  args.codes = codes.data_as<uint8_t>();
  args.absmax = absmax.data_as<float>();
  args.offset = subtract_mean ? offset.data_as<float>() : nullptr;
  device.launch(op, &Device::quantize_8bit, args,
                Uses().reads({&x}).writes({&codes, &absmax, &offset}));
  return {codes, absmax, offset};
}

Tensor dequantize_8bit(const Tensor& codes, const Tensor& absmax, const Tensor& offset,
                       bool is_signed, int64_t block) {
  constexpr const char* op = "dequantize8bit";
  require_dtype(op, "codes", codes, DType::U8);
  require_rank(op, "codes", codes, 1);
  require_block(op, block);
  require_dtype(op, "absmax", absmax, DType::F32);
  require_shape(op, "absmax", absmax, {ceil_div(codes.numel(), block)});
  if (offset) {
    require_dtype(op, "offset", offset, DType::F32);
    require_shape(op, "offset", offset, {1});
  }
  Device& device = require_one_device(op, {&codes, &absmax, &offset});
  const Tensor x = Tensor::empty(device, DType::F32, codes.shape());
  Dequantize8bitArgs args;
  args.codes = codes.data_as<uint8_t>();
  args.absmax = absmax.data_as<float>();
  args.offset = offset ? offset.data_as<float>() : nullptr;
  args.n = codes.numel();
  args.block = block;
  args.is_signed = is_signed;
  args.x = x.data_as<float>();
  device.launch(op, &Device::dequantize_8bit, args,
                Uses().reads({&codes, &absmax, &offset}).writes({&x}));
  return x;
}

}  // namespace llft::ops

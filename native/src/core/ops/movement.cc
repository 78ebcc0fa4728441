// Creation, views, conversions and copies of rows and columns.
#include <cmath>
#include <limits>
#include <string>

#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"
#include "core/storage.h"

namespace llft::ops {
namespace {

// Elements of all axes but the first, and of all but the last. (-1 for no axis at all is refused
// before.)
int64_t row_elements(const Tensor& x) {
  int64_t count = 1;
  for (int64_t axis = 1; axis < x.rank(); ++axis) count *= x.dim(axis);
  return count;
}
int64_t outer_elements(const Tensor& x) {
  int64_t count = 1;
  for (int64_t axis = 0; axis + 1 < x.rank(); ++axis) count *= x.dim(axis);
  return count;
}

void require_convertible(const char* op, DType from, DType to) {
  const bool float_source = from == DType::F32 || from == DType::BF16 || from == DType::F16;
  const bool float_target = to == DType::F32 || to == DType::BF16;
  if (from == to || (float_source && float_target)) return;
  fail(ErrorCode::Dtype, op,
       "float types must be converted to float32 or bfloat16, and others to themselves",
       std::string(name_of(from)) + " to " + name_of(to));
}

bool overlap(const Tensor& a, const Tensor& b) {
  const char* a_begin = a.data_as<char>();
  const char* b_begin = b.data_as<char>();
  return a_begin && b_begin && a_begin < b_begin + b.bytes() && b_begin < a_begin + a.bytes();
}

void require_apart(const char* op, const Tensor& src, const Tensor& dst) {
  if (overlap(src, dst))
    fail(ErrorCode::Device, op, "src and dst must not share memory", "overlapping tensors");
}

void require_range(const char* op, int64_t start, int64_t count, int64_t size) {
  if (start >= 0 && count >= 0 && start <= size && count <= size - start) return;
  fail(ErrorCode::Shape, op, "the range must lie in [0, " + std::to_string(size) + "]",
       std::to_string(count) + " from " + std::to_string(start));
}

void convert(const char* op, const Tensor& src, const Tensor& dst) {
  if (src.numel() == 0) return;
  ConvertArgs args;
  args.src_dtype = src.dtype();
  args.dst_dtype = dst.dtype();
  args.src = src.data();
  args.dst = dst.data();
  args.count = src.numel();
  Device& device = require_one_device(op, {&src, &dst});
  device.launch(op, &Device::convert, args, Uses().reads({&src}).writes({&dst}));
}

void fill_random(const char* op, const Tensor& x, bool normal, double low, double high,
                 uint64_t seed, uint64_t offset) {
  require_act(op, "x", x);
  require_writable(op, "x", x);
  if (!std::isfinite(low) || !std::isfinite(high)) {
    fail(ErrorCode::Config, op, "the distribution's parameters must be finite",
         std::to_string(low) + " and " + std::to_string(high));
  }
  if (x.numel() == 0) return;
  FillRandomArgs args;
  args.dtype = x.dtype();
  args.dst = x.data();
  args.count = x.numel();
  args.normal = normal;
  args.low = low;
  args.high = high;
  args.seed = seed;
  args.offset = offset;
  Device& device = require_one_device(op, {&x});
  device.launch(op, &Device::fill_random, args, Uses().writes({&x}));
}

struct IntegerRange {
  double low, high;
};

IntegerRange range_of(DType dtype) {
  switch (dtype) {
    case DType::U8:
      return {0, 255};
    case DType::I8:
      return {-128, 127};
    default:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
  }
}

MoveRowsArgs move_rows_args(const char* op, const Tensor& src, const Tensor& rows,
                            const Tensor& dst, const Tensor& table) {
  MoveRowsArgs args;
  args.op = op;
  args.src = src.data_as<char>();
  args.dst = dst.data_as<char>();
  args.rows = rows.data_as<int32_t>();
  args.index_count = rows.numel();
  args.row_count = table.dim(0);
  args.width = row_elements(table) * static_cast<int64_t>(size_of(table.dtype()));
  return args;
}

// src [T, ...] goes to rows [T] of a table with rows of the same shape.
void require_scatter(const char* op, const Tensor& src, const Tensor& rows) {
  require_min_rank(op, "src", src, 1);
  require_dtype(op, "rows", rows, DType::I32);
  require_shape(op, "rows", rows, {src.dim(0)});
}

}  // namespace

Tensor empty(DType dtype, const Shape& shape) { return Tensor::empty(host_device(), dtype, shape); }

void fill(const Tensor& x, double value) {
  const char* op = "fill";
  require_dtype(op, "x", x, {DType::F32, DType::BF16, DType::I32, DType::U8, DType::I8});
  require_writable(op, "x", x);
  if (x.dtype() != DType::F32 && x.dtype() != DType::BF16) {
    const IntegerRange range = range_of(x.dtype());
    if (!(value == std::trunc(value) && value >= range.low && value <= range.high)) {
      fail(ErrorCode::Dtype, op, std::string("the value must be one of ") + name_of(x.dtype()),
           std::to_string(value));
    }
  }
  if (x.numel() == 0) return;
  FillArgs args;
  args.dtype = x.dtype();
  args.dst = x.data();
  args.count = x.numel();
  args.value = value;
  Device& device = require_one_device(op, {&x});
  device.launch(op, &Device::fill, args, Uses().writes({&x}));
}

void fill_uniform(const Tensor& x, double low, double high, uint64_t seed, uint64_t offset) {
  fill_random("fillUniform", x, false, low, high, seed, offset);
}

void fill_normal(const Tensor& x, double mean, double std, uint64_t seed, uint64_t offset) {
  if (std < 0)
    fail(ErrorCode::Config, "fillNormal", "std must not be negative", std::to_string(std));
  fill_random("fillNormal", x, true, mean, std, seed, offset);
}

Tensor cast(const Tensor& x, DType dtype) {
  require_present("cast", "x", x);
  require_convertible("cast", x.dtype(), dtype);
  Device& device = require_one_device("cast", {&x});
  const Tensor result = Tensor::empty(device, dtype, x.shape());
  convert("cast", x, result);
  return result;
}

void copy(const Tensor& src, const Tensor& dst) {
  const char* op = "copy";
  require_same_shape(op, "src", src, "dst", dst);
  require_convertible(op, src.dtype(), dst.dtype());
  require_writable(op, "dst", dst);
  require_apart(op, src, dst);
  convert(op, src, dst);
}

Tensor view(const Tensor& x, const Shape& shape) {
  require_present("view", "x", x);
  if (checked_numel("view", shape) != x.numel()) {
    fail(ErrorCode::Shape, "view", "the number of elements must stay " + std::to_string(x.numel()),
         to_string(shape));
  }
  return Tensor(x.storage(), x.byte_offset(), x.dtype(), shape);
}

Tensor slice_rows(const Tensor& x, int64_t start, int64_t count) {
  const char* op = "sliceRows";
  require_min_rank(op, "x", x, 1);
  require_range(op, start, count, x.dim(0));
  Shape shape = x.shape();
  shape[0] = count;
  const size_t skipped = static_cast<size_t>(start * row_elements(x)) * size_of(x.dtype());
  return Tensor(x.storage(), x.byte_offset() + skipped, x.dtype(), shape);
}

Tensor slice_columns(const Tensor& x, int64_t start, int64_t count) {
  const char* op = "sliceColumns";
  require_min_rank(op, "x", x, 1);
  require_range(op, start, count, x.columns());
  Shape shape = x.shape();
  shape.back() = count;
  Device& device = require_one_device(op, {&x});
  const Tensor result = Tensor::empty(device, x.dtype(), shape);
  if (result.numel() == 0) return result;
  const int64_t element = static_cast<int64_t>(size_of(x.dtype()));
  CopyColumnsArgs args;
  args.rows = outer_elements(x);
  args.parts.push_back({x.data_as<char>() + start * element, result.data_as<char>(),
                        x.columns() * element, count * element, count * element});
  device.launch(op, &Device::copy_columns, args, Uses().reads({&x}).writes({&result}));
  return result;
}

Tensor concat_columns(const std::vector<Tensor>& parts) {
  const char* op = "concatColumns";
  if (parts.empty()) fail(ErrorCode::Shape, op, "there must be at least one tensor", "none");
  Shape shape;
  int64_t columns = 0;
  for (const Tensor& part : parts) {
    require_min_rank(op, "each part", part, 1);
    require_same_dtype(op, "the first part", parts.front(), "each other", part);
    if (shape.empty()) shape = part.shape();
    Shape expected = shape;
    expected.back() = -1;
    require_shape(op, "each part", part, expected);
    columns += part.columns();
  }
  shape.back() = columns;
  Device& device = require_one_device(op, parts);
  const Tensor result = Tensor::empty(device, parts.front().dtype(), shape);
  if (result.numel() == 0) return result;
  const int64_t element = static_cast<int64_t>(size_of(result.dtype()));
  CopyColumnsArgs args;
  args.rows = outer_elements(result);
  char* target = result.data_as<char>();
  for (const Tensor& part : parts) {
    const int64_t width = part.columns() * element;
    if (width > 0)
      args.parts.push_back({part.data_as<char>(), target, width, columns * element, width});
    target += width;
  }
  device.launch(op, &Device::copy_columns, args, Uses().reads(parts).writes({&result}));
  return result;
}

Tensor gather_rows(const Tensor& x, const Tensor& rows) {
  const char* op = "gatherRows";
  require_min_rank(op, "x", x, 1);
  require_dtype(op, "rows", rows, DType::I32);
  require_rank(op, "rows", rows, 1);
  Shape shape = x.shape();
  shape[0] = rows.dim(0);
  Device& device = require_one_device(op, {&x, &rows});
  const Tensor result = Tensor::empty(device, x.dtype(), shape);
  if (rows.numel() > 0)
    device.launch(op, &Device::gather_rows, move_rows_args(op, x, rows, result, x),
                  Uses().reads({&x, &rows}).writes({&result}));
  return result;
}

void scatter_rows(const Tensor& src, const Tensor& rows, const Tensor& dst) {
  const char* op = "scatterRows";
  require_scatter(op, src, rows);
  require_min_rank(op, "dst", dst, 1);
  require_same_dtype(op, "src", src, "dst", dst);
  Shape expected = dst.shape();
  expected[0] = -1;
  require_shape(op, "src", src, expected);
  require_writable(op, "dst", dst);
  require_apart(op, src, dst);
  Device& device = require_one_device(op, {&src, &rows, &dst});
  if (rows.numel() > 0)
    device.launch(op, &Device::scatter_rows, move_rows_args(op, src, rows, dst, dst),
                  Uses().reads({&src, &rows}).changes({&dst}));
}

Tensor scatter_add_rows(const Tensor& src, const Tensor& rows, int64_t count) {
  const char* op = "scatterAddRows";
  require_act(op, "src", src);
  require_scatter(op, src, rows);
  if (count < 0) fail(ErrorCode::Shape, op, "count must not be negative", std::to_string(count));
  Shape shape = src.shape();
  shape[0] = count;
  Device& device = require_one_device(op, {&src, &rows});
  const Tensor result = Tensor::empty(device, src.dtype(), shape);
  ScatterAddRowsArgs args;
  args.dtype = src.dtype();
  args.src = src.data();
  args.dst = result.data();
  args.rows = rows.data_as<int32_t>();
  args.index_count = rows.numel();
  args.row_count = count;
  args.columns = row_elements(src);
  device.launch(op, &Device::scatter_add_rows, args, Uses().reads({&src, &rows}).writes({&result}));
  return result;
}

}  // namespace llft::ops

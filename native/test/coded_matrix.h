// A quantised matrix of random codes for tests, and its values computed one by one.
#pragma once

#include <vector>

#include "core/dynamic_map.h"
#include "core/kernels/quantized.h"
#include "core/quantized.h"
#include "op_check.h"

namespace llft::test {

struct CodedMatrix {
  int64_t rows, columns;
  Buffer codes, absmax, absmax_codes, nested, offset;
  QuantizedData data;

  CodedMatrix(QuantFormat format, int64_t rows, int64_t columns, int64_t block, bool is_double)
      : rows(rows),
        columns(columns),
        codes(DType::U8, format == QuantFormat::INT8 ? rows * columns : (rows * columns + 1) / 2),
        absmax(DType::F32, count_of(format, rows, columns, block)),
        absmax_codes(DType::U8, absmax.size()),
        nested(DType::F32, (absmax.size() + 255) / 256),
        offset(DType::F32, 1) {
    Random random(static_cast<uint64_t>(rows * 1000 + columns));
    for (int64_t i = 0; i < codes.size(); ++i)
      codes.as<uint8_t>()[i] = static_cast<uint8_t>(random.below(256));
    for (int64_t i = 0; i < absmax.size(); ++i) {
      absmax.set(i, random.uniform(0.01, 2));
      absmax_codes.as<uint8_t>()[i] = static_cast<uint8_t>(random.below(256));
    }
    for (int64_t i = 0; i < nested.size(); ++i) nested.set(i, random.uniform(0.1, 0.5));
    offset.set(0, 0.7);
    data.format = format;
    data.columns = columns;
    while ((int64_t{1} << data.block_shift) < block) ++data.block_shift;
    data.codes = codes.as<uint8_t>();
    if (is_double) {
      data.absmax_codes = absmax_codes.as<uint8_t>();
      data.nested_absmax = nested.as<float>();
      data.offset = offset.as<float>();
    } else {
      data.absmax = absmax.as<float>();
    }
  }

  static int64_t count_of(QuantFormat format, int64_t rows, int64_t columns, int64_t block) {
    return format == QuantFormat::INT8 ? rows : (rows * columns + block - 1) / block;
  }

  float absmax_at(int64_t block) const {
    if (data.absmax) return data.absmax[block];
    const volatile float product = dynamic_map(true).values[data.absmax_codes[block]] *
                                   data.nested_absmax[block / kNestedBlock];
    return product + data.offset[0];
  }

  float at(int64_t i) const {
    if (data.format == QuantFormat::INT8)
      return static_cast<float>(static_cast<int8_t>(data.codes[i])) * absmax_at(i / columns);
    const int code = i % 2 == 0 ? data.codes[i / 2] >> 4 : data.codes[i / 2] & 15;
    return codebook_of(data.format)[code] * absmax_at(i >> data.block_shift);
  }

  // In the type of the product.
  Buffer dense(DType dtype) const {
    Buffer values(dtype, rows * columns);
    for (int64_t i = 0; i < rows * columns; ++i) values.set(i, at(i));
    return values;
  }
};

struct CodedForm {
  QuantFormat format;
  int64_t block;
  bool is_double;
};
const std::vector<CodedForm> kCodedForms = {
    {QuantFormat::NF4, 64, false},   {QuantFormat::NF4, 64, true},  {QuantFormat::NF4, 32, true},
    {QuantFormat::NF4, 4096, false}, {QuantFormat::FP4, 128, true}, {QuantFormat::INT8, 1, false}};

}  // namespace llft::test

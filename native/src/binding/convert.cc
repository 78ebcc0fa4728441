#include "binding/convert.h"

#include <string_view>

#include "core/error.h"
#include "core/storage.h"

namespace llft::binding {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

std::string describe_value(napi_env env, napi_value value) {
  const Napi::Value actual(env, value);
  if (actual.IsString()) return "\"" + actual.As<Napi::String>().Utf8Value() + "\"";
  if (actual.IsNumber() || actual.IsBoolean() || actual.IsNull() || actual.IsUndefined()) {
    return actual.ToString().Utf8Value();
  }
  if (actual.IsArray()) return "an array";
  if (actual.IsFunction()) return "a function";
  if (actual.IsObject()) return "an object";
  return "a value of another type";
}

// A short string, read without an allocation. Longer ones, and what is no string, equal no name.
class Name {
 public:
  Name(const Call& call, napi_value value) {
    size_t length = 0;
    if (napi_get_value_string_utf8(call.env(), value, text_, sizeof(text_), &length) == napi_ok)
      text_[length] = 0;
  }
  bool operator==(std::string_view name) const { return name == text_; }

 private:
  char text_[16] = {};
};

}  // namespace

void fail_argument(const Call& call, size_t position, const std::string& what, napi_value actual) {
  throw Error(ErrorCode::Config, std::string(call.op) + ": argument " +
                                     std::to_string(position + 1) + " must be " + what + "; got " +
                                     describe_value(call.env(), actual) + ".");
}

double number_argument(const Call& call, napi_value value, size_t position) {
  double number;
  if (napi_get_value_double(call.env(), value, &number) != napi_ok)
    fail_argument(call, position, "a number", value);
  return number;
}

int64_t integer_argument(const Call& call, napi_value value, size_t position) {
  double number;
  if (napi_get_value_double(call.env(), value, &number) != napi_ok ||
      number != std::trunc(number) || std::abs(number) > kMaxSafeInteger) {
    fail_argument(call, position, "an integer", value);
  }
  return static_cast<int64_t>(number);
}

bool boolean_argument(const Call& call, napi_value value, size_t position) {
  bool result;
  if (napi_get_value_bool(call.env(), value, &result) != napi_ok)
    fail_argument(call, position, "a boolean", value);
  return result;
}

std::string string_argument(const Call& call, napi_value value, size_t position) {
  const Napi::Value text(call.env(), value);
  if (!text.IsString()) fail_argument(call, position, "a string", value);
  return text.As<Napi::String>().Utf8Value();
}

DType dtype_argument(const Call& call, napi_value value, size_t position) {
  const Name name(call, value);
  for (const DType dtype :
       {DType::F32, DType::BF16, DType::F16, DType::I32, DType::U8, DType::I8}) {
    if (name == name_of(dtype)) return dtype;
  }
  fail_argument(call, position, "float32, bfloat16, float16, int32, uint8 or int8", value);
}

Tensor tensor_argument(const Call& call, napi_value value, size_t position) {
  double number;
  if (napi_get_value_double(call.env(), value, &number) != napi_ok) {
    napi_valuetype type;
    napi_typeof(call.env(), value, &type);
    if (type == napi_null || type == napi_undefined) return Tensor();
    fail_argument(call, position, "a tensor handle or null", value);
  }
  const bool integral = number >= 1 && number <= kMaxSafeInteger && number == std::trunc(number);
  const Tensor* tensor =
      integral ? call.environment.handles().find(static_cast<uint64_t>(number)) : nullptr;
  if (!tensor) {
    throw Error(ErrorCode::Disposed,
                std::string(call.op) + ": argument " + std::to_string(position + 1) +
                    " must be a live tensor; got one that was disposed or belongs to another "
                    "thread. Keep it out of the scope that freed it, or retain it.");
  }
  const DryRun* dry_run = tensor->storage()->dry_run();
  if (dry_run && dry_run != DryRun::current().get()) {
    throw Error(ErrorCode::Device,
                std::string(call.op) + ": argument " + std::to_string(position + 1) +
                    " must be a tensor with memory; got one that was made in a dry run, which "
                    "has ended.");
  }
  return *tensor;
}

QuantFormat format_argument(const Call& call, napi_value value, size_t position) {
  const Name name(call, value);
  for (int i = 0; i < kQuantFormats; ++i) {
    if (name == kQuantFormatNames[i]) return static_cast<QuantFormat>(i);
  }
  fail_argument(call, position, "nf4, fp4, int8 or a format of GGUF such as Q4_K", value);
}

napi_value property_argument(const Call& call, napi_value value, const char* name,
                             size_t position) {
  napi_value result;
  if (!Napi::Value(call.env(), value).IsObject() ||
      napi_get_named_property(call.env(), value, name, &result) != napi_ok) {
    fail_argument(call, position, std::string("an object with ") + name, value);
  }
  return result;
}

QuantizedMatrix quantized_argument(const Call& call, napi_value value, size_t position) {
  const auto property = [&](const char* name) {
    return property_argument(call, value, name, position);
  };
  QuantizedMatrix w;
  w.format = format_argument(call, property("format"), position);
  w.rows = integer_argument(call, property("rows"), position);
  w.columns = integer_argument(call, property("columns"), position);
  w.block = integer_argument(call, property("block"), position);
  w.codes = tensor_argument(call, property("codes"), position);
  w.absmax = tensor_argument(call, property("absmax"), position);
  w.nested_absmax = tensor_argument(call, property("nestedAbsmax"), position);
  w.offset = tensor_argument(call, property("offset"), position);
  return w;
}

std::vector<napi_value> array_argument(const Call& call, napi_value value, size_t position) {
  uint32_t length = 0;
  if (napi_get_array_length(call.env(), value, &length) != napi_ok)
    fail_argument(call, position, "an array", value);
  std::vector<napi_value> elements(length);
  for (uint32_t i = 0; i < length; ++i) {
    if (napi_get_element(call.env(), value, i, &elements[i]) != napi_ok)
      fail_argument(call, position, "an array", value);
  }
  return elements;
}

napi_value to_js(const Call& call, const Tensor& tensor) {
  napi_value result;
  if (!tensor) {
    napi_get_null(call.env(), &result);
    return result;
  }
  call.environment.account_memory();
  return to_js(call, static_cast<double>(call.environment.handles().insert(tensor)));
}

napi_value to_js(const Call& call, double number) {
  napi_value result;
  napi_create_double(call.env(), number, &result);
  return result;
}

napi_value undefined(const Call& call) {
  napi_value result;
  napi_get_undefined(call.env(), &result);
  return result;
}

}  // namespace llft::binding

// Values between JavaScript and C++. Calls are frequent, so numbers go through the C interface of
// Node-API.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "core/quantized.h"
#include "core/tensor.h"

namespace llft::binding {

// One call from JavaScript, for conversions and their errors.
struct Call {
  Environment& environment;
  const char* op;
  napi_env env() const { return environment.env(); }
};

// Throws Config: `<op>: argument <n> must be <what>; got <actual>.` Positions count from 0.
[[noreturn]] void fail_argument(const Call& call, size_t position, const std::string& what,
                                napi_value actual);

double number_argument(const Call& call, napi_value value, size_t position);
int64_t integer_argument(const Call& call, napi_value value, size_t position);
bool boolean_argument(const Call& call, napi_value value, size_t position);
std::string string_argument(const Call& call, napi_value value, size_t position);
DType dtype_argument(const Call& call, napi_value value, size_t position);
// Null and undefined give `Tensor()`; throws Disposed where the handle is stale.
Tensor tensor_argument(const Call& call, napi_value value, size_t position);
QuantFormat format_argument(const Call& call, napi_value value, size_t position);
// {format, rows, columns, block, codes, absmax, nestedAbsmax, offset}.
QuantizedMatrix quantized_argument(const Call& call, napi_value value, size_t position);
std::vector<napi_value> array_argument(const Call& call, napi_value value, size_t position);

// The property `name` of an argument that must be an object.
napi_value property_argument(const Call& call, napi_value value, const char* name, size_t position);

// A member of a struct, and the property of a JavaScript object that it is read from.
template <class Struct, class Member>
struct Property {
  const char* name;
  Member Struct::* member;
};
// Properties<T>::all is a tuple of them, for each struct T that a function takes.
template <class T>
struct Properties;

template <class T>
T argument(const Call& call, napi_value value, size_t position) {
  if constexpr (std::is_same_v<T, Tensor>) {
    return tensor_argument(call, value, position);
  } else if constexpr (std::is_same_v<T, double>) {
    return number_argument(call, value, position);
  } else if constexpr (std::is_same_v<T, bool>) {
    return boolean_argument(call, value, position);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return integer_argument(call, value, position);
  } else if constexpr (std::is_same_v<T, uint64_t>) {
    const int64_t number = integer_argument(call, value, position);
    if (number < 0) fail_argument(call, position, "a non-negative integer", value);
    return static_cast<uint64_t>(number);
  } else if constexpr (std::is_same_v<T, DType>) {
    return dtype_argument(call, value, position);
  } else if constexpr (std::is_same_v<T, QuantFormat>) {
    return format_argument(call, value, position);
  } else if constexpr (std::is_same_v<T, QuantizedMatrix>) {
    return quantized_argument(call, value, position);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return string_argument(call, value, position);
  } else if constexpr (requires { Properties<T>::all; }) {
    T result;
    const auto read = [&]<class M>(const Property<T, M>& property) {
      const napi_value part = property_argument(call, value, property.name, position);
      result.*property.member = argument<M>(call, part, position);
    };
    std::apply([&](const auto&... property) { (read(property), ...); }, Properties<T>::all);
    return result;
  } else {  // a vector
    T elements;
    for (const napi_value element : array_argument(call, value, position)) {
      elements.push_back(argument<typename T::value_type>(call, element, position));
    }
    return elements;
  }
}

napi_value to_js(const Call& call, const Tensor& tensor);  // a new handle; null for an absent one
napi_value to_js(const Call& call, double number);
napi_value undefined(const Call& call);

template <class... Parts>
napi_value to_js(const Call& call, const std::tuple<Parts...>& parts) {
  napi_value array;
  napi_create_array_with_length(call.env(), sizeof...(Parts), &array);
  uint32_t index = 0;
  std::apply(
      [&](const auto&... part) {
        (napi_set_element(call.env(), array, index++, to_js(call, part)), ...);
      },
      parts);
  return array;
}

}  // namespace llft::binding

// Binds C++ functions to JavaScript: `bind<&ops::rms_norm>(exports, environment, "rmsNorm")`.
#pragma once

#include <napi.h>

#include <utility>

#include "binding/convert.h"

namespace llft::binding {

constexpr size_t kMaxArguments = 16;

// Turns the exception in flight into a pending JavaScript exception.
void rethrow_to_js(const Call& call);
void fail_count(const Call& call, size_t expected, size_t actual);

// Calls body(call, argv) with exactly `count` arguments; no C++ exception leaves it.
template <size_t count, class Body>
napi_value guarded(napi_env env, napi_callback_info info, const Body& body) {
  static_assert(count <= kMaxArguments);
  napi_value argv[kMaxArguments + 1];
  size_t argc = kMaxArguments + 1;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, &data) != napi_ok) return nullptr;
  const auto* function = static_cast<const FunctionData*>(data);
  const Call call{*function->environment, function->name};
  try {
    if (argc != count) fail_count(call, count, argc);
    return body(call, argv);
  } catch (...) {
    rethrow_to_js(call);
    return nullptr;
  }
}

template <auto function>
struct Op;

template <class Result, class... Args, Result (*function)(Args...)>
struct Op<function> {
  static napi_value call(napi_env env, napi_callback_info info) {
    return guarded<sizeof...(Args)>(env, info, [](const Call& call, napi_value* argv) {
      return apply(call, argv, std::index_sequence_for<Args...>());
    });
  }

 private:
  template <size_t... i>
  static napi_value apply(const Call& call, [[maybe_unused]] napi_value* argv,
                          std::index_sequence<i...>) {
    // Braces: converted from left to right, so that the first wrong argument is the one reported.
    const std::tuple<std::remove_cvref_t<Args>...> args{
        argument<std::remove_cvref_t<Args>>(call, argv[i], i)...};
    if constexpr (std::is_void_v<Result>) {
      std::apply(function, args);
      return undefined(call);
    } else {
      return to_js(call, std::apply(function, args));
    }
  }
};

void define(Napi::Object exports, Environment& environment, const char* name,
            napi_callback callback);

// A function of the ops of core/ops.h, or any other with such arguments and results.
template <auto function>
void bind(Napi::Object exports, Environment& environment, const char* name) {
  define(exports, environment, name, &Op<function>::call);
}

// A function with the signature napi_value(const Call&, napi_value* argv).
template <size_t count, napi_value (*function)(const Call&, napi_value*)>
void bind_raw(Napi::Object exports, Environment& environment, const char* name) {
  define(exports, environment, name,
         [](napi_env env, napi_callback_info info) { return guarded<count>(env, info, function); });
}

void bind_lifecycle(Napi::Object exports, Environment& environment);
void bind_tensors(Napi::Object exports, Environment& environment);
void bind_ops(Napi::Object exports, Environment& environment);

}  // namespace llft::binding

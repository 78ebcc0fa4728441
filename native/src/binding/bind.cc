#include "binding/bind.h"

#include <new>

namespace llft::binding {

void fail_count(const Call& call, size_t expected, size_t actual) {
  throw Error(ErrorCode::Config, std::string(call.op) + ": there must be " +
                                     std::to_string(expected) + " arguments; got " +
                                     std::to_string(actual) + ".");
}

void rethrow_to_js(const Call& call) {
  const auto throw_js = [&](ErrorCode code, const std::string& message) {
    napi_throw(call.env(), call.environment.make_error(code, message));
  };
  const std::string op = call.op;
  try {
    throw;
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const Error& error) {
    throw_js(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    throw_js(ErrorCode::OutOfMemory,
             op + ": memory must be available; got a refusal of the system.");
  } catch (const std::exception& error) {
    throw_js(ErrorCode::Device, op + ": " + error.what());
  } catch (...) {
    throw_js(ErrorCode::Device, op + ": the call must end normally; got an unknown exception.");
  }
}

void define(Napi::Object exports, Environment& environment, const char* name,
            napi_callback callback) {
  napi_value function;
  const napi_status status =
      napi_create_function(environment.env(), name, NAPI_AUTO_LENGTH, callback,
                           environment.function_data(name), &function);
  if (status != napi_ok)
    throw Napi::Error::New(environment.env(), "llft: the addon must be able to define functions.");
  exports.Set(name, Napi::Value(environment.env(), function));
}

}  // namespace llft::binding

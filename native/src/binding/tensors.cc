// Handles, and data of the host.
#include <cstdlib>
#include <cstring>
#include <utility>

#include "binding/bind.h"
#include "core/check.h"
#include "core/device.h"
#include "core/dry_run.h"
#include "core/host_data.h"

namespace llft::binding {
namespace {

Tensor present_argument(const Call& call, napi_value value) {
  Tensor tensor = tensor_argument(call, value, 0);
  if (!tensor) fail_argument(call, 0, "a tensor handle", value);
  return tensor;
}

napi_value retain(const Call& call, napi_value* argv) {
  return to_js(call, present_argument(call, argv[0]));
}

// Also of a tensor that a dry run left behind.
napi_value release(const Call& call, napi_value* argv) {
  const double handle = number_argument(call, argv[0], 0);
  const bool usable = handle >= 1 && handle < 0x1p53;
  if (!usable || !call.environment.handles().erase(static_cast<uint64_t>(handle)))
    present_argument(call, argv[0]);  // throws
  call.environment.account_memory();
  return undefined(call);
}

napi_value is_alive(const Call& call, napi_value* argv) {
  double number;
  const bool usable = napi_get_value_double(call.env(), argv[0], &number) == napi_ok &&
                      number >= 1 && number < 0x1p53;
  const bool alive =
      usable && call.environment.handles().find(static_cast<uint64_t>(number)) != nullptr;
  return Napi::Boolean::New(call.env(), alive);
}

napi_value shape_of(const Call& call, napi_value* argv) {
  const Tensor tensor = present_argument(call, argv[0]);
  napi_value array;
  napi_create_array_with_length(call.env(), tensor.shape().size(), &array);
  for (uint32_t i = 0; i < tensor.shape().size(); ++i) {
    napi_set_element(call.env(), array, i, to_js(call, static_cast<double>(tensor.shape()[i])));
  }
  return array;
}

napi_value dtype_of(const Call& call, napi_value* argv) {
  return Napi::String::New(call.env(), name_of(present_argument(call, argv[0]).dtype()));
}

napi_value is_read_only(const Call& call, napi_value* argv) {
  return Napi::Boolean::New(call.env(), present_argument(call, argv[0]).read_only());
}

napi_value from_bytes_js(const Call& call, napi_value* argv) {
  const Napi::Value data(call.env(), argv[0]);
  if (!data.IsTypedArray() || data.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    fail_argument(call, 0, "a Uint8Array", argv[0]);
  }
  const auto bytes = data.As<Napi::Uint8Array>();
  return to_js(call,
               from_bytes(host_device(), bytes.Data(), bytes.ByteLength(),
                          dtype_argument(call, argv[1], 1), argument<Shape>(call, argv[2], 2)));
}

// Hands the bytes over without a copy; where the embedder forbids that, with one.
Napi::Value array_buffer_of(Napi::Env env, std::shared_ptr<char> bytes, size_t size) {
  if (size == 0) return Napi::ArrayBuffer::New(env, 0);
  napi_value result;
  auto* owner = new std::shared_ptr<char>(bytes);
  const auto finalize = [](napi_env, void*, void* hint) {
    delete static_cast<std::shared_ptr<char>*>(hint);
  };
  if (napi_create_external_arraybuffer(env, bytes.get(), size, finalize, owner, &result) ==
      napi_ok) {
    return Napi::Value(env, result);
  }
  delete owner;
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, size);
  std::memcpy(copy.Data(), bytes.get(), size);
  return copy;
}

napi_value read(const Call& call, napi_value* argv) {
  if (DryRun::current()) {
    fail(ErrorCode::Device, "read", "nothing must be read in a dry run", "a tensor to read");
  }
  const Tensor tensor = present_argument(call, argv[0]);
  const size_t size = tensor.bytes();
  const std::shared_ptr<char> bytes(static_cast<char*>(std::malloc(size ? size : 1)), std::free);
  if (!bytes) {
    throw Error(ErrorCode::OutOfMemory, "read: " + std::to_string(size) +
                                            " bytes must be available; got a refusal "
                                            "of the system.");
  }
  return call.environment.promises().make(
      [&](Stream::Done done) { tensor.device().read("read", tensor, bytes, std::move(done)); },
      [bytes, size](Napi::Env env) { return array_buffer_of(env, bytes, size); });
}

napi_value map_file(const Call& call, napi_value* argv) {
  return to_js(call,
               call.environment.add_mapping(MappedFile::open(string_argument(call, argv[0], 0))));
}

napi_value create_spill(const Call& call, napi_value* argv) {
  return to_js(call, call.environment.add_mapping(MappedFile::create_spill(
                         string_argument(call, argv[0], 0), argument<uint64_t>(call, argv[1], 1))));
}

[[noreturn]] void fail_mapping(const Call& call) {
  throw Error(ErrorCode::Disposed, std::string(call.op) +
                                       ": argument 1 must be an open mapping; got one that was "
                                       "unmapped or belongs to another thread.");
}

napi_value unmap_file(const Call& call, napi_value* argv) {
  if (!call.environment.remove_mapping(number_argument(call, argv[0], 0))) fail_mapping(call);
  return undefined(call);
}

napi_value from_mapping_js(const Call& call, napi_value* argv) {
  const auto* file = call.environment.find_mapping(number_argument(call, argv[0], 0));
  if (!file) fail_mapping(call);
  return to_js(call,
               from_mapping(host_device(), *file, argument<uint64_t>(call, argv[1], 1),
                            dtype_argument(call, argv[2], 2), argument<Shape>(call, argv[3], 3)));
}

}  // namespace

void bind_tensors(Napi::Object exports, Environment& environment) {
  bind_raw<1, &retain>(exports, environment, "retain");
  bind_raw<1, &release>(exports, environment, "release");
  bind_raw<1, &is_alive>(exports, environment, "isAlive");
  bind_raw<1, &shape_of>(exports, environment, "shapeOf");
  bind_raw<1, &dtype_of>(exports, environment, "dtypeOf");
  bind_raw<1, &is_read_only>(exports, environment, "isReadOnly");
  bind_raw<3, &from_bytes_js>(exports, environment, "fromBytes");
  bind_raw<1, &read>(exports, environment, "read");
  bind_raw<1, &map_file>(exports, environment, "mapFile");
  bind_raw<1, &unmap_file>(exports, environment, "unmapFile");
  bind_raw<4, &from_mapping_js>(exports, environment, "fromMapping");
  bind<&plan_mapping>(exports, environment, "planMapping");
  bind_raw<2, &create_spill>(exports, environment, "createSpill");
  bind<&release_pages>(exports, environment, "releasePages");
}

}  // namespace llft::binding

#include "binding/environment.h"

#include <atomic>

#include "core/device.h"

namespace llft::binding {
namespace {

constexpr uint32_t kCallsPerAccounting = 256;
constexpr int64_t kAccountingStep = int64_t{64} << 20;

uint32_t next_environment_number() {
  static std::atomic<uint32_t> next{1};
  return next.fetch_add(1);
}

const char* text_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::Shape:
      return "ERR_LLFT_SHAPE";
    case ErrorCode::Dtype:
      return "ERR_LLFT_DTYPE";
    case ErrorCode::Device:
      return "ERR_LLFT_DEVICE";
    case ErrorCode::OutOfMemory:
      return "ERR_LLFT_OUT_OF_MEMORY";
    case ErrorCode::Disposed:
      return "ERR_LLFT_DISPOSED";
    case ErrorCode::Format:
      return "ERR_LLFT_FORMAT";
    case ErrorCode::Config:
      return "ERR_LLFT_CONFIG";
    case ErrorCode::Data:
      return "ERR_LLFT_DATA";
    case ErrorCode::Aborted:
      return "ERR_LLFT_ABORTED";
  }
  return "ERR_LLFT_DEVICE";
}

}  // namespace

Environment::Environment(Napi::Env env)
    : env_(env),
      number_(next_environment_number()),
      handles_(static_cast<uint8_t>(number_)),
      promises_(env, *this),
      next_mapping_(static_cast<double>(number_) * 0x1p32 + 1) {}

Napi::Value Environment::make_error(ErrorCode code, const std::string& message) {
  const Napi::Env env(env_);
  if (!error_factory_.IsEmpty()) {
    try {
      const Napi::Value error = error_factory_.Call(
          {Napi::String::New(env, text_of(code)), Napi::String::New(env, message)});
      if (error.IsObject()) return error;
    } catch (const Napi::Error&) {
      // A factory that throws must not hide the failure: the plain Error below carries it.
    }
  }
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, text_of(code)));
  return error.Value();
}

double Environment::add_mapping(std::shared_ptr<MappedFile> file) {
  const double mapping = next_mapping_++;
  mappings_.emplace(mapping, std::move(file));
  return mapping;
}

const std::shared_ptr<MappedFile>* Environment::find_mapping(double mapping) const {
  const auto it = mappings_.find(mapping);
  return it == mappings_.end() ? nullptr : &it->second;
}

void Environment::account_memory() {
  if (++calls_since_accounting_ < kCallsPerAccounting) return;
  calls_since_accounting_ = 0;
  const int64_t bytes = static_cast<int64_t>(host_device().allocator().stats().bytes_in_use);
  const int64_t change = bytes - accounted_bytes_;
  if (change < kAccountingStep && change > -kAccountingStep) return;
  Napi::MemoryManagement::AdjustExternalMemory(env_, change);
  accounted_bytes_ = bytes;
}

}  // namespace llft::binding

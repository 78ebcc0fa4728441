// What one JavaScript environment (the main thread, or a worker) holds of the addon.
#pragma once

#include <napi.h>

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "binding/promises.h"
#include "core/error.h"
#include "core/handle_table.h"
#include "core/storage.h"

namespace llft::binding {

class Environment;

// What a bound function gets from JavaScript's side of the call.
struct FunctionData {
  Environment* environment;
  const char* name;
};

class Environment {
 public:
  explicit Environment(Napi::Env env);

  napi_env env() const { return env_; }
  HandleTable& handles() { return handles_; }
  Promises& promises() { return promises_; }

  void set_error_factory(const Napi::Function& factory) {
    error_factory_ = Napi::Persistent(factory);
  }
  // The Error object for a failure: what the factory makes of it, or a plain Error with `code`.
  Napi::Value make_error(ErrorCode code, const std::string& message);

  double add_mapping(std::shared_ptr<MappedFile> file);
  const std::shared_ptr<MappedFile>* find_mapping(double mapping) const;
  bool remove_mapping(double mapping) { return mappings_.erase(mapping) > 0; }

  // Tells V8 now and then how much memory hangs on its side of the handles, so that it collects
  // what scopes forgot.
  void account_memory();

  FunctionData* function_data(const char* name) {
    return &functions_.emplace_back(FunctionData{this, name});
  }

 private:
  napi_env env_;
  uint32_t number_;  // of this environment in the process
  HandleTable handles_;
  Promises promises_;
  Napi::FunctionReference error_factory_;
  std::unordered_map<double, std::shared_ptr<MappedFile>> mappings_;
  double next_mapping_;
  std::deque<FunctionData> functions_;
  int64_t accounted_bytes_ = 0;
  uint32_t calls_since_accounting_ = 0;
};

}  // namespace llft::binding

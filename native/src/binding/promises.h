// Promises that the device's stream settles.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "core/stream.h"

namespace llft::binding {

class Environment;

class Promises {
 public:
  // Makes the value of a promise, on the environment's thread.
  using MakeValue = std::function<Napi::Value(Napi::Env)>;

  Promises(Napi::Env env, Environment& environment);

  // A promise of what start(done) sets going: it settles when `done` is called, rejects with the
  // error that this is given, or else resolves with what `make_value` returns. While it is pending
  // it keeps the process alive; a pending one does not hinder the end of a worker.
  Napi::Value make(const std::function<void(Stream::Done done)>& start, MakeValue make_value);

 private:
  struct Settlement {
    uint64_t id;
    std::optional<StreamError> error;
  };
  struct Pending {
    Napi::Promise::Deferred deferred;
    MakeValue make_value;
  };
  // Shared with the stream, which may outlive the environment.
  struct Mailbox {
    std::mutex mutex;
    napi_threadsafe_function function = nullptr;
    bool closed = false;
    void post(std::unique_ptr<Settlement> settlement);
  };

  static void on_post(napi_env env, napi_value, void* context, void* data);
  static void on_teardown(void* mailbox);
  void settle(const Settlement& settlement);

  napi_env env_;
  Environment& environment_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<uint64_t, Pending> pending_;
  uint64_t next_id_ = 0;
};

}  // namespace llft::binding

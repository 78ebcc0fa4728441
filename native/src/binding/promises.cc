#include "binding/promises.h"

#include <utility>

#include "binding/environment.h"

namespace llft::binding {

Promises::Promises(Napi::Env env, Environment& environment)
    : env_(env), environment_(environment), mailbox_(std::make_shared<Mailbox>()) {
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "llft stream"), 0, 1, nullptr, nullptr, this,
      &Promises::on_post, &mailbox_->function);
  if (status != napi_ok)
    throw Napi::Error::New(env, "llft: the addon must be able to create a thread-safe function.");
  napi_unref_threadsafe_function(env, mailbox_->function);
  // Hooks run in the reverse order of registration: this one before the function's own, which frees
  // it.
  napi_add_env_cleanup_hook(env, &Promises::on_teardown, new std::shared_ptr<Mailbox>(mailbox_));
}

void Promises::on_teardown(void* data) {
  const std::unique_ptr<std::shared_ptr<Mailbox>> mailbox(
      static_cast<std::shared_ptr<Mailbox>*>(data));
  std::lock_guard lock((*mailbox)->mutex);
  (*mailbox)->closed = true;
}

void Promises::Mailbox::post(std::unique_ptr<Settlement> settlement) {
  std::lock_guard lock(mutex);
  if (closed) return;
  Settlement* const data = settlement.get();
  if (napi_call_threadsafe_function(function, data, napi_tsfn_nonblocking) == napi_ok)
    settlement.release();
}

void Promises::on_post(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<Settlement> settlement(static_cast<Settlement*>(data));
  if (env) static_cast<Promises*>(context)->settle(*settlement);
}

Napi::Value Promises::make(const std::function<void(Stream::Done)>& start, MakeValue make_value) {
  const uint64_t id = next_id_++;
  Pending pending{Napi::Promise::Deferred::New(env_), std::move(make_value)};
  const Napi::Value promise = pending.deferred.Promise();
  if (pending_.empty()) napi_ref_threadsafe_function(env_, mailbox_->function);
  pending_.emplace(id, std::move(pending));
  start([mailbox = mailbox_, id](const StreamError* error) {
    mailbox->post(std::make_unique<Settlement>(
        Settlement{id, error ? std::optional<StreamError>(*error) : std::nullopt}));
  });
  return promise;
}

void Promises::settle(const Settlement& settlement) {
  const auto it = pending_.find(settlement.id);
  Pending pending = std::move(it->second);
  pending_.erase(it);
  if (pending_.empty()) napi_unref_threadsafe_function(env_, mailbox_->function);
  if (settlement.error) {
    pending.deferred.Reject(
        environment_.make_error(settlement.error->code, settlement.error->message));
    return;
  }
  try {
    pending.deferred.Resolve(pending.make_value(Napi::Env(env_)));
  } catch (const Napi::Error& error) {
    pending.deferred.Reject(error.Value());
  }
}

}  // namespace llft::binding

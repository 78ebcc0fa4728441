// The entry point of the addon.
#include <dlfcn.h>
#include <napi.h>

#include "binding/bind.h"

namespace llft::binding {
namespace {

// Node unloads an addon when the last worker that loaded it ends, but the stream's threads stay:
// keep the code.
void stay_loaded() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&stay_loaded), &info) != 0 && info.dli_fname) {
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
  }
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  stay_loaded();
  auto* environment = new Environment(env);
  env.SetInstanceData(environment);  // deletes it with the environment
  bind_lifecycle(exports, *environment);
  bind_tensors(exports, *environment);
  bind_ops(exports, *environment);
  return exports;
}

NODE_API_MODULE(llft, init)

}  // namespace
}  // namespace llft::binding

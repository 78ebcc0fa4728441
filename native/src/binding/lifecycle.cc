// The device, its errors and its memory.
#include "binding/bind.h"
#include "core/device.h"
#include "core/dry_run.h"
#include "cpu/cpu_device.h"
#include "cpu/isa.h"

namespace llft::binding {
namespace {

napi_value set_error_factory(const Call& call, napi_value* argv) {
  const Napi::Value factory(call.env(), argv[0]);
  if (!factory.IsFunction()) fail_argument(call, 0, "a function", argv[0]);
  call.environment.set_error_factory(factory.As<Napi::Function>());
  return undefined(call);
}

napi_value device_info(const Call& call, napi_value*) {
  const Napi::Env env(call.env());
  Napi::Object info = Napi::Object::New(env);
  info.Set("isa", cpu::kernels().isa);
  Napi::Array isas = Napi::Array::New(env);
  for (const cpu::Kernels* kernels : cpu::available_kernels())
    isas.Set(isas.Length(), kernels->isa);
  info.Set("isas", isas);
  info.Set("threads", cpu::thread_pool().threads());
  return info;
}

napi_value synchronize(const Call& call, napi_value*) {
  return call.environment.promises().when_done("synchronize", nullptr,
                                               [](Napi::Env env) { return env.Undefined(); });
}

void reset() { device().stream.reset(); }

Allocator& current_allocator() {
  return DryRun::current() ? DryRun::current()->allocator() : device().allocator;
}

napi_value memory_stats(const Call& call, napi_value*) {
  const Allocator::Stats stats = current_allocator().stats();
  Napi::Object result = Napi::Object::New(call.env());
  result.Set("handles", static_cast<double>(call.environment.handles().size()));
  result.Set("bytesInUse", static_cast<double>(stats.bytes_in_use));
  result.Set("peakBytes", static_cast<double>(stats.peak_bytes));
  result.Set("cachedBytes", static_cast<double>(stats.cached_bytes));
  result.Set("peakFootprintBytes", static_cast<double>(stats.peak_footprint));
  return result;
}

void reset_peak_memory() { current_allocator().reset_peak(); }
void trim_memory() { device().allocator.trim(); }
void fail_allocation(uint64_t n) { device().allocator.fail_allocation(n); }

}  // namespace

void bind_lifecycle(Napi::Object exports, Environment& environment) {
  bind_raw<1, &set_error_factory>(exports, environment, "setErrorFactory");
  bind_raw<0, &device_info>(exports, environment, "deviceInfo");
  bind_raw<0, &synchronize>(exports, environment, "synchronize");
  bind<&reset>(exports, environment, "reset");
  bind_raw<0, &memory_stats>(exports, environment, "memoryStats");
  bind<&reset_peak_memory>(exports, environment, "resetPeakMemory");
  bind<&trim_memory>(exports, environment, "trimMemory");
  bind<&fail_allocation>(exports, environment, "failAllocation");
  bind<&DryRun::begin>(exports, environment, "beginDryRun");
  bind<&DryRun::end>(exports, environment, "endDryRun");
}

}  // namespace llft::binding

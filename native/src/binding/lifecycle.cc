// The device, its errors and its memory.
#include <utility>

#include "binding/bind.h"
#include "core/device.h"
#include "core/dry_run.h"
#include "cpu/cpu_device.h"
#include "cpu/isa.h"
#include "cpu/peak.h"
#include "cpu/profile.h"

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
  return call.environment.promises().make(
      [](Stream::Done done) { host_device().stream().notify("synchronize", std::move(done)); },
      [](Napi::Env env) { return env.Undefined(); });
}

Allocator& current_allocator() {
  Device& device = host_device();
  return DryRun::current() ? DryRun::current()->allocator(device) : device.allocator();
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

// [op, begin, end, FLOPs, bytes, whether it multiplies bfloat16] of each op that ran.
napi_value take_profile(const Call& call, napi_value*) {
  const Napi::Env env(call.env());
  Napi::Array result = Napi::Array::New(env);
  for (const cpu::ProfileEvent& event : cpu::take_profile()) {
    Napi::Array entry = Napi::Array::New(env, 6);
    entry.Set(uint32_t{0}, event.op);
    entry.Set(1, event.begin);
    entry.Set(2, event.end);
    entry.Set(3, event.cost.flops);
    entry.Set(4, event.cost.bytes);
    entry.Set(5, event.cost.is_bf16);
    result.Set(result.Length(), entry);
  }
  return result;
}

// FLOP/s in float32 and in bfloat16, and bytes/s read: what the machine does now, when the stream
// has come this far.
Tensor machine_peak() {
  const Tensor peak = Tensor::empty(host_device(), DType::F32, {3});
  host_device().stream().enqueue(
      "machinePeak",
      [peak] {
        constexpr double kSeconds = 0.05;
        constexpr int64_t kBandwidthBytes = int64_t{256} << 20;  // several times the caches
        const std::string isa = cpu::kernels().isa;
        float* const values = peak.data_as<float>();
        for (const bool bf16 : {false, true}) {
          values[bf16] =
              static_cast<float>(cpu::measure_peak(isa, bf16, kSeconds, false, cpu::thread_pool()));
        }
        values[2] = static_cast<float>(
            cpu::measure_read_bandwidth(kBandwidthBytes, kSeconds, cpu::thread_pool()));
      },
      Uses().writes({&peak}));
  return peak;
}

void reset_peak_memory() { current_allocator().reset_peak(); }
void trim_memory() { host_device().allocator().trim(); }
void fail_allocation(uint64_t n) { host_device().allocator().fail_allocation(n); }

}  // namespace

void bind_lifecycle(Napi::Object exports, Environment& environment) {
  bind_raw<1, &set_error_factory>(exports, environment, "setErrorFactory");
  bind_raw<0, &device_info>(exports, environment, "deviceInfo");
  bind_raw<0, &synchronize>(exports, environment, "synchronize");
  bind<&cpu::start_profile>(exports, environment, "startProfile");
  bind_raw<0, &take_profile>(exports, environment, "takeProfile");
  bind<&machine_peak>(exports, environment, "machinePeak");
  bind_raw<0, &memory_stats>(exports, environment, "memoryStats");
  bind<&reset_peak_memory>(exports, environment, "resetPeakMemory");
  bind<&trim_memory>(exports, environment, "trimMemory");
  bind<&fail_allocation>(exports, environment, "failAllocation");
  bind<&DryRun::begin>(exports, environment, "beginDryRun");
  bind<&DryRun::end>(exports, environment, "endDryRun");
}

}  // namespace llft::binding

#include "cpu/isa.h"

#include "core/error.h"
#include "cpu/kernel_table.h"

namespace llft::cpu {
namespace {

// Each test also asks whether the operating system saves the registers.
#if defined(__x86_64__)
[[maybe_unused]] bool machine_has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi2");
}
[[maybe_unused]] bool machine_has_avx512() {
  return machine_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
}
[[maybe_unused]] bool machine_has_avx512bf16() {
  return machine_has_avx512() && __builtin_cpu_supports("avx512bf16") &&
         __builtin_cpu_supports("avx512vnni");
}
#endif

std::vector<const Kernels*>* find_kernels() {
  auto* found = new std::vector<const Kernels*>();
#ifdef LLFT_HAVE_avx512bf16
  if (machine_has_avx512bf16()) found->push_back(&avx512bf16::kernel_table());
#endif
#ifdef LLFT_HAVE_avx512
  if (machine_has_avx512()) found->push_back(&avx512::kernel_table());
#endif
#ifdef LLFT_HAVE_avx2
  if (machine_has_avx2()) found->push_back(&avx2::kernel_table());
#endif
#ifdef LLFT_HAVE_neon
  found->push_back(&neon::kernel_table());
#endif
  found->push_back(&portable::kernel_table());
  return found;
}

}  // namespace

const std::vector<const Kernels*>& available_kernels() {
  static const auto* found = find_kernels();
  return *found;
}

const Kernels& select_kernels(const char* isa) {
  if (!isa || !*isa) return *available_kernels().front();
  std::string names;
  for (const Kernels* kernels : available_kernels()) {
    if (std::string(isa) == kernels->isa) return *kernels;
    names += (names.empty() ? "" : ", ") + std::string(kernels->isa);
  }
  throw Error(ErrorCode::Config,
              "LLFT_ISA: the value must be one of " + names + "; got \"" + isa + "\".");
}

}  // namespace llft::cpu

// Speed of the matrix kernels next to the measured peak of the machine, both taken in turns.
//   llft_bench [--isa NAME] [--threads N] [--seconds S per case] [--only TEXT] [--cpu-time]
//   [--json]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/dynamic_map.h"
#include "core/error.h"
#include "core/reservation.h"
#include "cpu/isa.h"
#include "cpu/peak.h"

namespace {

using llft::DType;
using llft::GemmArgs;

struct Case {
  std::string name;
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  int64_t rank;  // of a second term, 0 = none
  const char* stored =
      "";  // "nf4", "nf4-double", "int8": how B is stored; in codes of blocks of 64
  bool fixed_point = false;
};

// The products of a training step of a 135M Llama (D 576, kv 192, F 1536, V 49152), 1024 tokens,
// LoRA rank 16.
const std::vector<Case> kCases = {
    {"y q/o", 1024, 576, 576, false, true, 0},
    {"y q/o + lora", 1024, 576, 576, false, true, 16},
    {"y k/v", 1024, 192, 576, false, true, 0},
    {"y gate/up", 1024, 1536, 576, false, true, 0},
    {"y down", 1024, 576, 1536, false, true, 0},
    {"dx q/o", 1024, 576, 576, false, false, 0},
    {"dx k/v", 1024, 576, 192, false, false, 0},
    {"dx gate/up", 1024, 576, 1536, false, false, 0},
    {"dx down", 1024, 1536, 576, false, false, 0},
    {"dw q/o", 576, 576, 1024, true, false, 0},
    {"dw gate/up", 1536, 576, 1024, true, false, 0},
    {"dw down", 576, 1536, 1024, true, false, 0},
    {"lora h = x A^T", 1024, 16, 576, false, true, 0},
    {"lora dh = dy B", 1024, 16, 576, false, false, 0},
    {"lora dA = dh^T x", 16, 576, 1024, true, false, 0},
    {"lora dB = dy^T h", 576, 16, 1024, true, false, 0},
    {"logits 256", 256, 49152, 576, false, true, 0},
    {"logits 1024", 1024, 49152, 576, false, true, 0},
    {"dx of logits 256", 256, 576, 49152, false, false, 0},
    {"dx of logits 512", 512, 576, 49152, false, false, 0},
    {"dw of logits 512", 49152, 576, 512, true, false, 0},
    {"odd rows 201", 201, 576, 576, false, true, 0},
    {"odd rows 1099", 1099, 1536, 576, false, true, 0},
    {"llama 7B q", 512, 4096, 4096, false, true, 0},
    {"prefill 32", 32, 1536, 576, false, true, 0},
    {"decode 1 gate/up", 1, 1536, 576, false, true, 0},
    {"decode 1 logits", 1, 49152, 576, false, true, 0},
    {"decode 4 logits", 4, 49152, 576, false, true, 0},
    {"decode 8 logits", 8, 49152, 576, false, true, 0},
    {"nf4 y gate/up", 1024, 1536, 576, false, true, 0, "nf4"},
    {"nf4 y down", 1024, 576, 1536, false, true, 0, "nf4"},
    {"nf4 dx gate/up", 1024, 576, 1536, false, false, 0, "nf4"},
    {"nf4 dx down", 1024, 1536, 576, false, false, 0, "nf4"},
    {"nf4 llama 7B q", 512, 4096, 4096, false, true, 0, "nf4"},
    {"nf4 prefill 32", 32, 1536, 576, false, true, 0, "nf4"},
    // Larger than the caches.
    {"decode 1", 1, 32768, 2048, false, true, 0},
    {"nf4 decode 1", 1, 65536, 2048, false, true, 0, "nf4"},
    {"nf4-double decode 1", 1, 65536, 2048, false, true, 0, "nf4-double"},
    {"nf4 decode 4", 4, 65536, 2048, false, true, 0, "nf4"},
    {"int8 y gate/up", 1024, 1536, 576, false, true, 0, "int8"},
    {"int8 dx gate/up", 1024, 576, 1536, false, false, 0, "int8"},
    {"nf4 fixed y gate/up", 1024, 1536, 576, false, true, 0, "nf4", true},
    {"nf4 fixed 1B gate/up", 512, 5632, 2048, false, true, 0, "nf4", true},
    {"nf4-double fixed 1B down", 512, 2048, 5632, false, true, 0, "nf4-double", true},
    {"nf4 fixed prefill 32", 32, 1536, 576, false, true, 0, "nf4", true},
    {"nf4 fixed decode 1", 1, 65536, 2048, false, true, 0, "nf4", true},
    {"int8 fixed y gate/up", 1024, 1536, 576, false, true, 0, "int8", true},
    {"int8 fixed 1B gate/up", 512, 5632, 2048, false, true, 0, "int8", true},
    {"int8 fixed decode 1", 1, 32768, 2048, false, true, 0, "int8", true},
    {"int8 decode 1", 1, 32768, 2048, false, true, 0, "int8"},
    {"int8 decode 4", 4, 32768, 2048, false, true, 0, "int8"},
};

struct Options {
  std::string isa;
  std::string only;
  int threads = llft::cpu::default_thread_count();
  double seconds = 0.5;
  bool json = false;
  bool cpu_time = false;
};

// Memory as tensors have it: on huge pages.
class Memory {
 public:
  explicit Memory(size_t bytes) : reservation_(std::make_unique<llft::Reservation>(bytes)) {
    if (bytes > 0 && !reservation_->commit(bytes)) throw std::bad_alloc();
  }
  char* data() const { return reservation_->data(); }

 private:
  std::unique_ptr<llft::Reservation> reservation_;
};

// Values whose products neither overflow nor become subnormal.
Memory random_values(int64_t count, DType dtype) {
  Memory bytes(static_cast<size_t>(count) * llft::size_of(dtype));
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    const uint16_t bits =
        static_cast<uint16_t>(0x3e80 | (state >> 31 << 15) | (state >> 16 & 0x7f));
    if (dtype == DType::F32) {
      reinterpret_cast<uint32_t*>(bytes.data())[i] = static_cast<uint32_t>(bits) << 16;
    } else {
      reinterpret_cast<uint16_t*>(bytes.data())[i] = bits;
    }
  }
  return bytes;
}

class Product {
 public:
  Product(const Case& c, DType dtype)
      : a_(random_values(c.m * c.k, dtype)),
        b_(random_values(c.n * c.k, dtype)),
        h_(random_values(c.m * c.rank, dtype)),
        w_(random_values(c.n * c.rank, dtype)),
        c_(static_cast<size_t>(c.m * c.n) * 4) {
    args_.m = c.m;
    args_.n = c.n;
    args_.in_dtype = dtype;
    args_.out_dtype = c.transpose_a ? DType::F32 : dtype;
    args_.terms[0] = {
        a_.data(),     b_.data(),     c.k, c.transpose_a ? c.m : c.k, c.transpose_b ? c.k : c.n,
        c.transpose_a, c.transpose_b, 1.0f};
    args_.terms[1] = {h_.data(), w_.data(), c.rank, c.rank, c.rank, false, true, 2.0f};
    args_.term_count = c.rank > 0 ? 2 : 1;
    args_.c = c_.data();
    args_.ldc = c.n;
    if (c.stored[0] != 0) quantise(c);
  }
  const GemmArgs& args() const { return args_; }

 private:
  // The bytes of B serve as codes.
  void quantise(const Case& c) {
    const bool is_int8 = std::string(c.stored) == "int8";
    absmax_.assign(static_cast<size_t>(c.n * c.k), 0.5f);
    llft::QuantizedData& q = args_.terms[0].quantized;
    q.format = is_int8 ? llft::QuantFormat::INT8 : llft::QuantFormat::NF4;
    q.columns = c.transpose_b ? c.k : c.n;
    q.block_shift = 6;
    q.codes = reinterpret_cast<const uint8_t*>(b_.data());
    args_.terms[0].fixed_point = c.fixed_point;
    if (std::string(c.stored) != "nf4-double") {
      q.absmax = absmax_.data();
      return;
    }
    // So do the first of them as codes of scales.
    q.absmax_codes = q.codes;
    q.nested_absmax = absmax_.data();
    q.offset = absmax_.data();
  }

  Memory a_, b_, h_, w_, c_;
  std::vector<float> absmax_;
  GemmArgs args_;
};

struct Measurement {
  double seconds;  // the best run
  double peak;     // FLOP/s, the best
  double of_peak;  // median over turns: a machine that others use changes its speed between turns,
                   // not within one
};

double bytes_of_element(const Case& c, DType dtype) {
  const std::string stored = c.stored;
  if (stored == "nf4") return 0.5 + 4.0 / 64;
  if (stored == "nf4-double") return 0.5 + 1.0 / 64;
  return stored == "int8" ? 1 : static_cast<double>(llft::size_of(dtype));
}

// Turns of peak probe and kernel until `seconds` have passed, at least five.
Measurement measure(const llft::cpu::Kernels& kernels, const GemmArgs& args, double flops,
                    const Options& options, llft::cpu::ThreadPool& pool) {
  const auto now = [&] { return llft::cpu::seconds_now(options.cpu_time, pool.threads()); };
  const bool bf16 = args.in_dtype == DType::BF16;
  Measurement best{1e30, 0, 0};
  std::vector<double> ratios;
  const double start = now();
  while (ratios.size() < 5 || now() - start < options.seconds) {
    const double peak = llft::cpu::measure_peak(kernels.isa, bf16, 0.002, options.cpu_time, pool);
    double took = 1e30;
    const double begin = now();
    for (double at = begin; at - begin < 0.005;) {
      kernels.gemm(args, pool);
      const double end = now();
      took = std::min(took, end - at);
      at = end;
    }
    ratios.push_back(flops / took / peak);
    best.seconds = std::min(best.seconds, took);
    best.peak = std::max(best.peak, peak);
  }
  std::sort(ratios.begin(), ratios.end());
  best.of_peak = ratios[ratios.size() / 2];
  return best;
}

void report(const Options& options, const llft::cpu::Kernels& kernels, const Case& c, DType dtype,
            llft::cpu::ThreadPool& pool) {
  const Product product(c, dtype);
  const double flops = 2.0 * c.m * c.n * (c.k + c.rank);
  const Measurement best = measure(kernels, product.args(), flops, options, pool);
  const double took = best.seconds;
  const double bytes = static_cast<double>(c.n * c.k) * bytes_of_element(c, dtype);
  if (options.json) {
    std::printf(
        "{\"bench\":\"gemm\",\"case\":\"%s\",\"isa\":\"%s\",\"dtype\":\"%s\",\"threads\":%d,\"m\":%"
        "lld,\"n\":%lld,"
        "\"k\":%lld,\"seconds\":%.3e,\"gflops\":%.2f,\"peakGflops\":%.2f,\"ofPeak\":%.4f}\n",
        c.name.c_str(), kernels.isa, llft::name_of(dtype), pool.threads(),
        static_cast<long long>(c.m), static_cast<long long>(c.n), static_cast<long long>(c.k), took,
        flops / took / 1e9, best.peak / 1e9, best.of_peak);
  } else {
    std::printf(
        "%-18s %-8s %5lld x %5lld x %5lld %9.3f ms %7.1f GFLOP/s  %5.1f %% of %4.0f  B at %5.1f "
        "GB/s\n",
        c.name.c_str(), llft::name_of(dtype), static_cast<long long>(c.m),
        static_cast<long long>(c.n), static_cast<long long>(c.k), took * 1e3, flops / took / 1e9,
        100 * best.of_peak, best.peak / 1e9, bytes / took / 1e9);
  }
  std::fflush(stdout);
}

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const bool has_value = i + 1 < argc;
    if (name == "--json") {
      options->json = true;
    } else if (name == "--cpu-time") {
      options->cpu_time = true;
    } else if (name == "--isa" && has_value) {
      options->isa = argv[++i];
    } else if (name == "--only" && has_value) {
      options->only = argv[++i];
    } else if (name == "--threads" && has_value && std::atoi(argv[i + 1]) > 0) {
      options->threads = std::atoi(argv[++i]);
    } else if (name == "--seconds" && has_value && std::atof(argv[i + 1]) > 0) {
      options->seconds = std::atof(argv[++i]);
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: llft_bench [--isa NAME] [--threads N] [--seconds S] [--only TEXT] "
                 "[--cpu-time] [--json]\n");
    return 2;
  }
  try {
    const llft::cpu::Kernels& kernels = llft::cpu::select_kernels(options.isa.c_str());
    llft::cpu::ThreadPool pool(options.threads);
    if (!options.json) {
      std::printf("%s, %d threads, memory read at %.1f GB/s\n", kernels.isa, pool.threads(),
                  llft::cpu::measure_read_bandwidth(int64_t{256} << 20, 0.5, pool) / 1e9);
    }
    for (const DType dtype : {DType::F32, DType::BF16}) {
      for (const Case& c : kCases) {
        if (c.name.find(options.only) != std::string::npos)
          report(options, kernels, c, dtype, pool);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

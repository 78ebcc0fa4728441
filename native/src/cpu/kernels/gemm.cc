#include "cpu/kernels/gemm.h"

#include <cstring>

namespace llft::cpu::LLFT_ISA {
namespace {

static inline float widen(const void* p, int64_t i, DType dtype) {
  if (dtype == DType::F32) {
    float value;
    memcpy(&value, static_cast<const char*>(p) + i * 4, 4);
    return value;
  }
  uint32_t bits = 0;
  memcpy(reinterpret_cast<char*>(&bits) + 2, static_cast<const char*>(p) + i * 2, 2);
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static inline uint16_t round_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace

void gemm(const GemmArgs& args, ThreadPool& pool) {
  pool.run(args.m, [&](int64_t i) {
    for (int64_t j = 0; j < args.n; ++j) {
      float sum = args.bias ? widen(args.bias, j, args.in_dtype) : 0.0f;
      for (int s = 0; s < args.segment_count; ++s) {
        const GemmSegment& seg = args.segments[s];
        float product = 0.0f;
        for (int64_t k = 0; k < seg.k; ++k) {
          product += widen(seg.a, seg.transpose_a ? k * seg.lda + i : i * seg.lda + k, args.in_dtype) *
                     widen(seg.b, seg.transpose_b ? j * seg.ldb + k : k * seg.ldb + j, args.in_dtype);
        }
        sum += seg.alpha * product;
      }
      char* out = static_cast<char*>(args.c);
      if (args.out_dtype == DType::F32) {
        float* target = reinterpret_cast<float*>(out) + i * args.ldc + j;
        *target = args.accumulate ? *target + sum : sum;
      } else {
        reinterpret_cast<bf16*>(out)[i * args.ldc + j].bits = round_bf16(sum);
      }
    }
  });
}

}  // namespace llft::cpu::LLFT_ISA

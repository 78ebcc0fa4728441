// What kernels are said to have to do, against counting.
#include "core/cost.h"

#include "doctest/doctest.h"

namespace llft::cpu {
namespace {

TEST_CASE("cost: a product counts its terms, and codes by their bytes") {
  GemmArgs args;
  args.m = 3;
  args.n = 5;
  args.in_dtype = DType::BF16;
  args.out_dtype = DType::F32;
  args.terms[0].k = 7;
  args.terms[1].k = 2;
  args.term_count = 2;
  Cost cost = cost_of(args);
  CHECK(cost.flops == 2 * 3 * 5 * (7 + 2));
  CHECK(cost.bytes == 2 * (3 * 9 + 5 * 9) + 4 * 3 * 5);
  CHECK(cost.is_bf16);
  const uint8_t codes[1] = {};
  args.term_count = 1;
  args.terms[0].k = 8;
  args.terms[0].quantized.codes = codes;
  CHECK(cost_of(args).bytes == 2 * 3 * 8 + 5 * 8 / 2 + 4 * 3 * 5);
}

TEST_CASE("cost: attention counts the pairs that are seen") {
  for (const int64_t window : {int64_t{0}, int64_t{3}}) {
    AttentionArgs args;
    args.shape.tokens = 9;
    args.shape.key_rows = 11;
    args.shape.heads = 2;
    args.shape.kv_heads = 1;
    args.shape.head_dim = 4;
    args.shape.window = window;
    args.shape.segments = {{0, 5, 0, 7}, {5, 4, 7, 4}};
    int64_t pairs = 0;
    for (const AttentionSegment& s : args.shape.segments) {
      for (int64_t i = 0; i < s.query_count; ++i) {
        for (int64_t j = 0; j < s.key_count; ++j) {
          const int64_t position = s.key_count - s.query_count + i;
          pairs += j <= position && (window == 0 || j > position - window);
        }
      }
    }
    CHECK(cost_of(args).flops == static_cast<double>(2 * pairs * 4 * 4));
  }
}

}  // namespace
}  // namespace llft::cpu

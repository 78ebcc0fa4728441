// The vector type, at the width of the compiler's default instruction set. The other widths run
// under the kernels' tests.
#include "op_check.h"

#define LLFT_ISA vec_test
#include "cpu/simd/loops.h"

namespace llft::test {
namespace {

using namespace cpu::vec_test::simd;

float lane_of(F32 v) {
  float lanes[kLanes];
  store(lanes, v);
  return lanes[kLanes - 1];
}

// The distance of neighbouring floats at `value`, which is the smallest subnormal near 0.
double float_unit(double value) {
  int exponent;
  std::frexp(static_cast<float>(value), &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

TEST_CASE("vec: exp is within 2 units in the last place, subnormal results included") {
  double worst = 0;
  for (double x = -104; x < 88.72; x += 0.00314) {
    const float argument = static_cast<float>(x);
    const double expected = std::exp(static_cast<double>(argument));
    worst =
        std::max(worst, std::abs(lane_of(exp(splat(argument))) - expected) / float_unit(expected));
  }
  CHECK(worst <= 2);
}

TEST_CASE("vec: sigmoid is within 3 units in the last place where e^-x is finite") {
  double worst = 0;
  for (double x = -87; x < 30; x += 0.00314) {
    const float argument = static_cast<float>(x);
    const double expected = 1 / (1 + std::exp(-static_cast<double>(argument)));
    worst = std::max(worst,
                     std::abs(lane_of(sigmoid(splat(argument))) - expected) / float_unit(expected));
  }
  CHECK(worst <= 3);
}

TEST_CASE("vec: limits of exp and sigmoid") {
  const float inf = INFINITY;
  CHECK(lane_of(exp(splat(inf))) == inf);
  CHECK(lane_of(exp(splat(88.73f))) == inf);
  CHECK(lane_of(exp(splat(-inf))) == 0);
  CHECK(lane_of(exp(splat(-1e30f))) == 0);
  CHECK(lane_of(exp(splat(0))) == 1);
  CHECK(std::isnan(lane_of(exp(splat(NAN)))));
  CHECK(lane_of(sigmoid(splat(inf))) == 1);
  CHECK(lane_of(sigmoid(splat(-inf))) == 0);
  CHECK(lane_of(sigmoid(splat(0))) == 0.5f);
}

TEST_CASE("vec: bfloat16 rounds to nearest even for every class of number, and widens exactly") {
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 65537 * 3) {
    const uint32_t word = static_cast<uint32_t>(bits);
    const float value = bit_cast<float>(word);
    bf16 lanes[kLanes], scalar;
    store(lanes, splat(value));
    store_scalar(&scalar, value);
    REQUIRE(lanes[0].bits == round_bf16(value));
    REQUIRE(scalar.bits == round_bf16(value));
    const float widened = to_float(scalar);
    REQUIRE((std::isnan(value) ? std::isnan(widened) : widened == widen_bf16(scalar.bits)));
  }
}

TEST_CASE("vec: tails touch no more than their elements") {
  for (int n = 0; n <= kLanes; ++n) {
    Random random(static_cast<uint64_t>(n));
    for (const DType dtype : {DType::F32, DType::BF16}) {
      const Buffer from = Buffer::random(dtype, n, random);
      Buffer to(dtype, n);
      with_act(dtype, [&](auto tag) {
        using T = typename decltype(tag)::type;
        const F32 v = load_n(from.as<T>(), n);
        for (int i = n; i < kLanes; ++i) CHECK(v[i] == 0);
        store_n(to.as<T>(), v, n);
      });
      CHECK(to.values() == from.values());
      CHECK(to.front_intact());
    }
  }
}

TEST_CASE("vec: reductions, selection, products") {
  float lanes[kLanes];
  for (int i = 0; i < kLanes; ++i) lanes[i] = static_cast<float>((i * 7) % kLanes + 1);
  CHECK(reduce_add(load(lanes)) == kLanes * (kLanes + 1) / 2);
  CHECK(reduce_max(load(lanes)) == kLanes);
  CHECK(lane_of(max(splat(2), splat(3))) == 3);
  CHECK(lane_of(min(splat(2), splat(3))) == 2);
  CHECK(lane_of(abs(splat(-0.5f))) == 0.5f);
  CHECK(lane_of(sqrt(splat(2))) == std::sqrt(2.0f));
  const I32 below = lanes_below(2);
  for (int i = 0; i < kLanes; ++i) CHECK(below[i] == (i < 2 ? -1 : 0));
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    const uint32_t a = random.next(), b = random.next();
    const U32 high = multiply_high(splat_u32(a), b);
    for (int lane = 0; lane < kLanes; ++lane) REQUIRE(high[lane] == (uint64_t{a} * b) >> 32);
  }
}

TEST_CASE("loops: sum_vectors and elementwise meet each element once") {
  for (const int64_t n : tail_sizes()) {
    const Buffer x(DType::F32, std::vector<double>(static_cast<size_t>(n), 1.0));
    const float* p = x.as<float>();
    CHECK(sum_vectors(n, [=](int64_t i, auto part) { return load(p + i, part); }) == n);
  }
}

}  // namespace
}  // namespace llft::test

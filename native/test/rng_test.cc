#include "core/rng.h"

#include "doctest/doctest.h"

namespace llft {
namespace {

// The known answers that the authors of the generator published with it (Random123, kat_vectors,
// philox4x32 10).
static_assert(Philox::block({0, 0, 0, 0}, {0, 0}) ==
              Philox::Block{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
static_assert(Philox::block({0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu},
                            {0xffffffffu, 0xffffffffu}) ==
              Philox::Block{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
static_assert(Philox::block({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u},
                            {0xa4093822u, 0x299f31d0u}) ==
              Philox::Block{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});

TEST_CASE(
    "philox: elements are the words of the blocks, and 64-bit seeds and indices count whole") {
  const uint64_t seed = 0x123456789abcdef0u;
  const uint64_t start = uint64_t{1} << 40;
  for (uint64_t i = start; i < start + 16; ++i) {
    CHECK(Philox::element(seed, i) == Philox::block(seed, i / 4)[i % 4]);
  }
  CHECK(Philox::element(seed, 5) != Philox::element(seed ^ (uint64_t{1} << 63), 5));
  CHECK(Philox::element(seed, 5) != Philox::element(seed, 5 + (uint64_t{1} << 40)));
}

TEST_CASE("philox: uniform numbers lie in [0, 1)") {
  CHECK(Philox::uniform(0) == 0.0f);
  CHECK(Philox::uniform(0xffffffffu) == 1.0f - 0x1p-24f);
  CHECK(Philox::uniform(0x80000000u) == 0.5f);
}

}  // namespace
}  // namespace llft

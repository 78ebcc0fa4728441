// Philox4x32-10: a counter-based generator, so that any element of a random tensor can be drawn on
// its own. Source: Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011.
#pragma once

#include <array>
#include <cstdint>

namespace llft {

struct Philox {
  using Block = std::array<uint32_t, 4>;

  // The 128 random bits of a counter under a key.
  static constexpr Block block(Block counter, std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
      const uint64_t product0 = uint64_t{0xD2511F53u} * counter[0];
      const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter[2];
      counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
                 static_cast<uint32_t>(product1),
                 static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
                 static_cast<uint32_t>(product0)};
      key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
    }
    return counter;
  }

  // Block number `index` of the sequence of `seed`: elements 4 * index to 4 * index + 3.
  static constexpr Block block(uint64_t seed, uint64_t index) {
    return block({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  }

  // Element number `index` of the sequence of `seed`.
  static constexpr uint32_t element(uint64_t seed, uint64_t index) {
    return block(seed, index / 4)[index % 4];
  }

  // Uniform in [0, 1), a multiple of 2^-24, which float32 holds exactly.
  static constexpr float uniform(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
};

}  // namespace llft

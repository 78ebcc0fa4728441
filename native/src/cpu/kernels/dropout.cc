// y[i] = keep(i) ? x[i] / (1 - p) : 0. Its own backward: the same mask on dy.
//
// keep(i): Philox4x32-10 under key `seed`; element i takes word (i / 16) % 4 of block offset + 16 *
// (i / 64) + i % 16, so that 16 neighbours are the same word of 16 neighbouring blocks and no
// vector width needs a shuffle. n elements use blocks offset to offset + n - 1 at most, so a stream
// that moves on by n never draws a block twice.
//
// Layout: flat arrays, see dropout.h; overwrites y. Bytes: x and y once. FLOPs: one per element,
// and about 3 integer operations of Philox. Error: one rounding in float32 and one to the type of
// y. P(drop) is p rounded up to a multiple of 2^-24. Source: Srivastava et al., "Dropout", JMLR 15,
// 2014; the generator: core/rng.h.
#include "core/kernels/dropout.h"

#include "cpu/simd/loops.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

constexpr int kGroup = 64;                // elements that share 16 blocks
constexpr int kBlocks = kGroup / 4;       // counters of a group
constexpr int kParts = kBlocks / kLanes;  // vectors of counters of a group

struct Words {
  U32 word[4];
};

static inline U32 lane_numbers() {
  U32 lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = static_cast<uint32_t>(i);
  return lane;
}

// Blocks first + 0, first + 1, ... of the sequence of `seed`, one per lane.
static inline Words philox(uint64_t seed, uint64_t first) {
  const U32 low = static_cast<uint32_t>(first) + lane_numbers();
  const U32 carry = bit_cast<U32>(low < static_cast<uint32_t>(first)) & 1u;
  Words c = {{low, static_cast<uint32_t>(first >> 32) + carry, U32{}, U32{}}};
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const U32 high0 = multiply_high(c.word[0], 0xD2511F53u), low0 = c.word[0] * 0xD2511F53u;
    const U32 high1 = multiply_high(c.word[2], 0xCD9E8D57u), low1 = c.word[2] * 0xCD9E8D57u;
    c = {{high1 ^ c.word[1] ^ key0, low1, high0 ^ c.word[3] ^ key1, low0}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

template <class T, class Lanes>
static inline void drop(const T* x, T* y, Lanes lanes, U32 bits, const DropoutArgs& args) {
  const I32 keep = bit_cast<I32>(bits >> 8) >= static_cast<int32_t>(args.threshold);
  store(y, select(keep, load(x, lanes) * args.factor, F32{}), lanes);
}

// The elements of group `group`, of which there are n (kGroup but in the last).
template <class T>
static inline void drop_group(const DropoutArgs& args, int64_t group, int64_t n) {
  const T* x = static_cast<const T*>(args.x) + group * kGroup;
  T* y = static_cast<T*>(args.y) + group * kGroup;
  for (int part = 0; part < kParts; ++part) {
    const Words words =
        philox(args.seed, args.offset + static_cast<uint64_t>(group * kBlocks + part * kLanes));
    for (int w = 0; w < 4; ++w) {
      const int64_t at = w * kBlocks + part * kLanes;
      if (at + kLanes <= n) {
        drop(x + at, y + at, Full{}, words.word[w], args);
      } else if (at < n) {
        drop(x + at, y + at, Tail{static_cast<int>(n - at)}, words.word[w], args);
      }
    }
  }
}

}  // namespace

void dropout(const DropoutArgs& args, ThreadPool& pool) {
  static_assert(kElementGrain % kGroup == 0);
  with_act(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(pool, args.n, kElementGrain, [&args](int64_t begin, int64_t end) {
      int64_t i = begin;
      for (; i + kGroup <= end; i += kGroup) drop_group<T>(args, i / kGroup, kGroup);
      if (i < end) drop_group<T>(args, i / kGroup, end - i);
    });
  });
}

}  // namespace llft::cpu::LLFT_ISA

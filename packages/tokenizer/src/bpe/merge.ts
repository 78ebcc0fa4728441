import { NO_RANK, type PairTable } from './pair-table.js'

/** Up to so many symbols, looking at every pair for the best one is faster than a queue. */
export const SHORT_WORD = 128

const shortRanks = new Int32Array(SHORT_WORD)

/**
 * Merges neighbouring symbols, the lowest rank first and the leftmost among equals, until no pair
 * merges. Works in place.
 * @returns how many symbols are left
 */
export function mergeSymbols(symbols: Int32Array, count: number, pairs: PairTable): number {
  return count <= SHORT_WORD ? mergeShort(symbols, count, pairs) : mergeLong(symbols, count, pairs)
}

/** Quadratic, but without upkeep. */
export function mergeShort(symbols: Int32Array, count: number, pairs: PairTable): number {
  const ranks = shortRanks
  const rankAt = (i: number) => pairs.rank(symbols[i] as number, symbols[i + 1] as number)
  for (let i = 0; i + 1 < count; i++) ranks[i] = rankAt(i)
  for (let left = count; left > 1; left--) {
    let best = 0
    for (let i = 1; i + 1 < left; i++) {
      if ((ranks[i] as number) < (ranks[best] as number)) best = i
    }
    const rank = ranks[best] as number
    if (rank === NO_RANK) return left
    symbols[best] = pairs.result(rank)
    for (let i = best + 1; i + 1 < left; i++) {
      symbols[i] = symbols[i + 1] as number
      ranks[i] = ranks[i + 1] as number
    }
    if (best + 2 < left) ranks[best] = rankAt(best)
    if (best > 0) ranks[best - 1] = rankAt(best - 1)
  }
  return Math.min(count, 1)
}

/** With a queue of pairs: n log n for a text of n symbols that is one word. */
export function mergeLong(symbols: Int32Array, count: number, pairs: PairTable): number {
  const next = Int32Array.from({ length: count }, (_, i) => i + 1)
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1)
  const ranks = new Int32Array(count).fill(NO_RANK)
  const queue = new PairQueue(count)
  const update = (at: number) => {
    const after = next[at] as number
    const rank =
      after < count ? pairs.rank(symbols[at] as number, symbols[after] as number) : NO_RANK
    ranks[at] = rank
    if (rank !== NO_RANK) queue.push(rank, at)
  }
  for (let i = 0; i < count; i++) update(i)
  while (queue.pop()) {
    const { rank, at } = queue
    // The pair has changed since it was queued.
    if (ranks[at] !== rank) continue
    const gone = next[at] as number
    const after = next[gone] as number
    symbols[at] = pairs.result(rank)
    ranks[gone] = NO_RANK
    next[at] = after
    if (after < count) previous[after] = at
    update(at)
    if (at > 0) update(previous[at] as number)
  }
  let left = 0
  for (let at = 0; at < count; at = next[at] as number) symbols[left++] = symbols[at] as number
  return left
}

const POSITIONS = 2 ** 31

/** A binary heap of pairs by rank, then by place. One number holds both: a rank is below 2^22. */
class PairQueue {
  /** Of the pair that was popped last. */
  rank = 0
  at = 0
  private keys: Float64Array
  private size = 0

  constructor(capacity: number) {
    this.keys = new Float64Array(capacity)
  }

  push(rank: number, at: number): void {
    if (this.size === this.keys.length) {
      const keys = new Float64Array(2 * this.size)
      keys.set(this.keys)
      this.keys = keys
    }
    const { keys } = this
    const key = rank * POSITIONS + at
    let hole = this.size++
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if ((keys[parent] as number) <= key) break
      keys[hole] = keys[parent] as number
      hole = parent
    }
    keys[hole] = key
  }

  /** Takes the first pair out, into `rank` and `at`; false if there is none. */
  pop(): boolean {
    if (this.size === 0) return false
    const { keys } = this
    const first = keys[0] as number
    this.rank = Math.floor(first / POSITIONS)
    this.at = first % POSITIONS
    const key = keys[--this.size] as number
    let hole = 0
    for (let child = 1; child < this.size; child = 2 * hole + 1) {
      if (child + 1 < this.size && (keys[child + 1] as number) < (keys[child] as number)) child++
      if ((keys[child] as number) >= key) break
      keys[hole] = keys[child] as number
      hole = child
    }
    keys[hole] = key
    return true
  }
}

/** What `PairTable.rank` says of symbols that do not merge; above every rank. */
export const NO_RANK = 0x7fffffff

/**
 * The merges of a BPE model: which two symbols become one, and which merge goes first.
 *
 * A hash table with open addressing in one array of integers: a look-up makes no key object, and
 * 280 000 merges take 7 MB.
 */
export class PairTable {
  /** left, right, rank of each slot; rank + 1, so that 0 is a free slot. */
  private readonly slots: Int32Array
  private readonly mask: number
  private readonly merged: Int32Array

  /** @param capacity number of merges, at most */
  constructor(capacity: number) {
    let size = 16
    while (size < capacity * 1.6) size *= 2
    this.slots = new Int32Array(3 * size)
    this.mask = size - 1
    this.merged = new Int32Array(capacity)
  }

  /** A merge that comes again counts where it came last, as in the reference. */
  set(left: number, right: number, rank: number, merged: number): void {
    const at = this.find(left, right)
    this.slots[at] = left
    this.slots[at + 1] = right
    this.slots[at + 2] = rank + 1
    this.merged[rank] = merged
  }

  /** The rank of the merge, NO_RANK if there is none. */
  rank(left: number, right: number): number {
    // Symbols that the model does not know are negative.
    if ((left | right) < 0) return NO_RANK
    const stored = this.slots[this.find(left, right) + 2] as number
    return stored === 0 ? NO_RANK : stored - 1
  }

  /** The symbol that the merge of a rank makes. */
  result(rank: number): number {
    return this.merged[rank] as number
  }

  /** Where the pair is, or the free slot where it would be. */
  private find(left: number, right: number): number {
    const { slots, mask } = this
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
    hash ^= hash >>> 15
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = 3 * slot
      if (slots[at + 2] === 0 || (slots[at] === left && slots[at + 1] === right)) return at
    }
  }
}

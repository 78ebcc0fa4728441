import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergeLong, mergeShort, mergeSymbols, SHORT_WORD } from '../src/bpe/merge.js'
import { NO_RANK, PairTable } from '../src/bpe/pair-table.js'

type Pair = readonly [left: number, right: number]

/** Symbols 0 to 3, and one more for every merge. */
function tableOf(merges: readonly Pair[]): PairTable {
  const table = new PairTable(merges.length)
  for (const [rank, [left, right]] of merges.entries()) table.set(left, right, rank, 4 + rank)
  return table
}

/** By the definition: looks for the best pair again after every merge. */
function mergeSlowly(symbols: readonly number[], pairs: PairTable): number[] {
  const left = [...symbols]
  for (;;) {
    const ranks = left.slice(1).map((right, i) => pairs.rank(left[i] as number, right))
    const best = Math.min(NO_RANK, ...ranks)
    if (best === NO_RANK) return left
    left.splice(ranks.indexOf(best), 2, pairs.result(best))
  }
}

const merges = fc.array(fc.tuple(fc.nat(24), fc.nat(24)), { maxLength: 40 })
const symbols = fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 60 })

test.each([
  ['short', mergeShort],
  ['long', mergeLong],
])('words that are %s merge by rank, then from the left', (_, merge) => {
  fc.assert(
    fc.property(merges, symbols, (pairs, word) => {
      const table = tableOf(pairs)
      const merged = Int32Array.from(word)
      const count = merge(merged, word.length, table)
      expect([...merged.subarray(0, count)]).toEqual(mergeSlowly(word, table))
    }),
    { numRuns: 2000, seed: 12 },
  )
})

test('the length of a word changes nothing', () => {
  const table = tableOf([
    [0, 0],
    [4, 4],
    [5, 4],
  ])
  for (const length of [0, 1, SHORT_WORD - 1, SHORT_WORD, SHORT_WORD + 1, 1001]) {
    const word = new Array<number>(length).fill(0)
    const merged = Int32Array.from(word)
    const count = mergeSymbols(merged, length, table)
    expect([...merged.subarray(0, count)]).toEqual(mergeSlowly(word, table))
  }
})

test('a word of 300 000 symbols does not take the square of their number', () => {
  const word = new Int32Array(300_000)
  expect(mergeSymbols(word, word.length, tableOf([[0, 0]]))).toBe(150_000)
})

test('a merge that comes again counts where it came last', () => {
  const table = tableOf([
    [0, 1],
    [1, 2],
    [0, 1],
  ])
  expect([table.rank(0, 1), table.result(table.rank(0, 1))]).toEqual([2, 6])
  expect([table.rank(1, 0), table.rank(-1, 1), table.rank(3, -5)]).toEqual(Array(3).fill(NO_RANK))
})

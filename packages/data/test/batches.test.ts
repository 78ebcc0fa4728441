import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Batch,
  batches,
  ConfigError,
  collate,
  DataError,
  type Example,
  pack,
  permutation,
  philox,
  splitHoldout,
} from '../src/index.js'
import { example } from './helpers.js'

describe('collate', () => {
  const examples = [example(3, 1), example(5, 2)]

  test('lays sequences end to end with shifted targets', () => {
    expect(collate(examples)).toEqual({
      ids: Int32Array.of(1000, 1001, 1002, 2000, 2001, 2002, 2003, 2004),
      targets: Int32Array.of(-100, 1002, -100, -100, -100, 2003, 2004, -100),
      positions: Int32Array.of(0, 1, 2, 0, 1, 2, 3, 4),
      cuSeqlens: Int32Array.of(0, 3, 8),
      tokens: 8,
      countedTokens: 3,
      examples: 2,
      sources: [{ index: 1 }, { index: 2 }],
    })
  })

  test('pads behind each sequence, and the padding counts for nothing', () => {
    const plain = collate(examples)
    for (const padTo of ['longest', 5, 9] as const) {
      const length = padTo === 'longest' ? 5 : padTo
      const padded = collate(examples, { padTo, padId: 7 })
      expect([...padded.cuSeqlens]).toEqual([0, length, 2 * length])
      expect(padded).toMatchObject({ tokens: 8, countedTokens: 3, examples: 2 })
      for (const field of ['ids', 'targets', 'positions'] as const) {
        expect([...real(padded, field, [3, 5])]).toEqual([...plain[field]])
      }
      expect([...padded.ids.subarray(3, length)]).toEqual(Array(length - 3).fill(7))
      expect([...padded.targets.subarray(3, length)]).toEqual(Array(length - 3).fill(-100))
    }
    expect(() => collate(examples, { padTo: 4 })).toThrow(ConfigError)
    expect(() => collate(examples, { padTo: 4 })).toThrow('longest row, 5 tokens; got 4')
  })

  function real(batch: Batch, field: 'ids' | 'targets' | 'positions', lengths: number[]) {
    return lengths.flatMap((length, b) => {
      const start = batch.cuSeqlens[b] as number
      return [...batch[field].subarray(start, start + length)]
    })
  }
})

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 })

describe('pack', () => {
  test('loses and cuts nothing, keeps the limit, and wastes little', () => {
    fc.assert(
      fc.property(lengths, (sizes) => {
        const examples = sizes.map((size, i) => example(size, i))
        const packs = pack(examples, 40)
        const sums = packs.map((group) => group.reduce((sum, { ids }) => sum + ids.length, 0))
        expect(packs.flat().sort((a, b) => a.source.index - b.source.index)).toEqual(examples)
        expect(Math.max(...sums)).toBeLessThanOrEqual(40)
        // Best fit decreasing needs at most 11/9 of the fewest packs, and one (Johnson 1973).
        const fewest = Math.ceil(sizes.reduce((a, b) => a + b, 0) / 40)
        const large = sizes.filter((size) => size > 20).length
        expect(packs.length).toBeLessThanOrEqual((11 / 9) * Math.max(2 * fewest, large) + 1)
        // No two packs would fit into one.
        const smallest = sums.sort((a, b) => a - b)
        if (sums.length > 1) expect(smallest[0]! + smallest[1]!).toBeGreaterThan(40)
      }),
      { numRuns: 200, seed: 6 },
    )
  })

  test('puts each row into the fullest pack that has room', () => {
    const sizes = [3, 6, 5, 4, 2].map((size, i) => example(size, i))
    const packs = pack(sizes, 10).map((group) => group.map(({ ids }) => ids.length))
    expect(packs).toEqual([
      [6, 4],
      [3, 5, 2],
    ])
  })

  test('names a row that is too long', () => {
    const row = { ...example(50), source: { file: 'a.jsonl', line: 3, index: 2 } }
    expect(() => pack([row], 40)).toThrow(DataError)
    expect(() => pack([row], 40)).toThrow(
      'a.jsonl:3: a row must fit into a pack of 40 tokens; got 50',
    )
  })
})

describe('batches', () => {
  const examples = Array.from({ length: 23 }, (_, i) => example(2 + ((i * 7) % 19), i))
  const rowsOf = (list: Iterable<Batch>) =>
    [...list].map((batch) =>
      [...batch.cuSeqlens].slice(0, -1).map((start) => Math.floor(batch.ids[start]! / 1000)),
    )

  test('hold every row once, in an order of seed and epoch', () => {
    for (const packing of [false, true]) {
      const options = { batchSize: 4, seed: 3, packing, maxTokens: 24 }
      const first = batches(examples, { ...options, epoch: 0 })
      const again = batches(examples, { ...options, epoch: 0 })
      const next = batches(examples, { ...options, epoch: 1 })
      const other = batches(examples, { ...options, seed: 4 })
      expect(
        rowsOf(first)
          .flat()
          .sort((a, b) => a - b),
      ).toEqual([...examples.keys()])
      expect([...again]).toEqual([...first])
      expect(rowsOf(next)).not.toEqual(rowsOf(first))
      expect(rowsOf(other)).not.toEqual(rowsOf(first))
      expect(next.length).toBe(first.length)
      expect(first.at(1)).toEqual([...first][1])
    }
  })

  test('keep the order of the rows if not shuffled; the last may be smaller', () => {
    const list = batches(examples, { batchSize: 5, shuffle: false })
    expect(list.length).toBe(5)
    expect(rowsOf(list).flat()).toEqual([...examples.keys()])
    expect(list.at(4).examples).toBe(3)
  })

  test('with packing hold packs of many rows and the same tokens', () => {
    const options = { packing: true, maxTokens: 64, batchSize: 2, seed: 1 }
    const packed = [...batches(examples, options)]
    const plain = [...batches(examples, { batchSize: 1 })]
    const sum = (list: Batch[], field: 'tokens' | 'countedTokens' | 'examples') =>
      list.reduce((total, batch) => total + batch[field], 0)
    for (const field of ['tokens', 'countedTokens', 'examples'] as const) {
      expect(sum(packed, field)).toBe(sum(plain, field))
    }
    expect(Math.max(...packed.map(({ tokens }) => tokens))).toBeLessThanOrEqual(128)
    expect(packed.length).toBeLessThan(5)
  })

  test('refuse options without a meaning', () => {
    expect(() => batches(examples, { batchSize: 0 })).toThrow(ConfigError)
    expect(() => batches(examples, { packing: true })).toThrow(
      'batches.maxTokens: must be given with packing; got nothing.',
    )
    expect(() => batches(examples, { batchsize: 2 } as object)).toThrow(
      "got 'batchsize'. Did you mean 'batchSize'?",
    )
    expect(() => batches(examples).at(23)).toThrow('index must be below 23; got 23')
    expect(batches([]).length).toBe(0)
  })
})

describe('randomness', () => {
  test('is Philox4x32-10, by its published answers', () => {
    const hex = (words: number[]) =>
      words.map((word) => word.toString(16).padStart(8, '0')).join(' ')
    const ones = 0xffffffff
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8')
    expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).toBe(
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    )
    expect(
      hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])),
    ).toBe('d16cfe09 94fdcceb 5001e420 24126ea1')
  })

  test('orders are permutations, all of them about equally often', () => {
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 6000; seed++) {
      const order = [...permutation(3, seed)].join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect([...counts.keys()].sort()).toEqual(['012', '021', '102', '120', '201', '210'])
    // 1000 expected of each; five standard deviations of a binomial count are 5 * sqrt(6000 * 5/36).
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(145)
    expect([...permutation(5, 2 ** 40 + 1)]).not.toEqual([...permutation(5, 1)])
  })

  test('a held-out part is drawn once and both parts keep their order', () => {
    const rows = Array.from({ length: 50 }, (_, i) => i)
    const { train, holdout } = splitHoldout(rows, { fraction: 0.2, seed: 1 })
    expect([train.length, holdout.length]).toEqual([40, 10])
    expect([...train, ...holdout].sort((a, b) => a - b)).toEqual(rows)
    expect(holdout).toEqual([...holdout].sort((a, b) => a - b))
    expect(splitHoldout(rows, { count: 10, seed: 1 })).toEqual({ train, holdout })
    expect(splitHoldout(rows, { count: 10, seed: 2 }).holdout).not.toEqual(holdout)
    expect(() => splitHoldout(rows, { fraction: 1 })).toThrow(
      'splitHoldout.fraction: must be below 1; got 1.',
    )
    for (const count of [0, 50, 1.5]) {
      expect(() => splitHoldout(rows, { count })).toThrow(ConfigError)
    }
    expect(() => splitHoldout<Example>([], { fraction: 0.5 })).toThrow(ConfigError)
  })
})

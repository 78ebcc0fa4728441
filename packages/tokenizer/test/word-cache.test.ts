import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WordCache } from '../src/bpe/word-cache.js'

test('what a cache knows of a word is what was put, whatever it has forgotten', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '字', '\ud83d'), maxLength: 12 })
  const entry = fc.tuple(word, fc.array(fc.nat(9), { maxLength: 20 }))
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 80 }), (entries) => {
      const cache = new WordCache(6)
      const put = new Map<string, number[]>()
      for (const [text, ids] of entries) {
        // The word stands inside a text, the ids behind others.
        const found: number[] = [7]
        const at = [`<${text}>`, 1, 1 + text.length] as const
        if (cache.append(...at, found)) expect(found).toEqual([7, ...(put.get(text) as number[])])
        else {
          expect(found).toEqual([7])
          cache.put(...at, [8, ...ids], 1)
          put.set(text, ids)
        }
      }
    }),
    { numRuns: 1000, seed: 13 },
  )
})

test('a word is found again until the cache is full; one that is too long never', () => {
  const cache = new WordCache(3)
  const knows = (word: string) => cache.append(word, 0, word.length, [])
  const learn = (word: string) => {
    knows(word)
    cache.put(word, 0, word.length, [1], 0)
  }
  for (const word of ['x', 'y', 'z']) learn(word)
  expect(['x', 'y', 'z', 'w'].map(knows)).toEqual([true, true, true, false])
  learn('w')
  expect(['x', 'w'].map(knows)).toEqual([false, true])
  learn('l'.repeat(129))
  expect(knows('l'.repeat(129))).toBe(false)
})

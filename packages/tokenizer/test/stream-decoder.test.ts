import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Tokenizer } from '../src/index.js'

function load(name: string): Tokenizer {
  const file = readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8')
  return Tokenizer.fromJson((JSON.parse(file) as { tokenizer: Record<string, unknown> }).tokenizer)
}

describe.each(['byte-level', 'byte-fallback', 'metaspace-first'])('%s stream', (name) => {
  const tokenizer = load(name)

  test('any tokens at all: the pieces joined are the whole text', () => {
    const ids = fc.array(fc.nat(tokenizer.vocabSize + 3), { maxLength: 60 })
    fc.assert(
      fc.property(ids, fc.boolean(), (tokens, skipSpecialTokens) => {
        const stream = tokenizer.streamDecoder({ skipSpecialTokens })
        const pieces = tokens.map((id) => stream.push(id))
        const joined = pieces.join('') + stream.flush()
        expect(joined).toBe(tokenizer.decode(tokens, { skipSpecialTokens }))
      }),
      { numRuns: 120, seed: 3 },
    )
  })

  test('the pieces of a real text hold whole characters only', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 })
    fc.assert(
      fc.property(text, (value) => {
        const stream = tokenizer.streamDecoder({ skipSpecialTokens: false })
        const pieces = tokenizer.encode(value).map((id) => stream.push(id))
        for (const piece of pieces) {
          expect(piece).not.toMatch(/\p{Surrogate}/u)
          expect(piece).not.toContain('\ufffd')
        }
        expect(stream.flush()).toBe('')
      }),
      { numRuns: 120, seed: 4 },
    )
  })
})

test('a character comes out with the last of its bytes', () => {
  const tokenizer = load('byte-fallback')
  const stream = tokenizer.streamDecoder()
  const bytes = ['<0xF0>', '<0x9F>', '<0x98>', '<0x80>'].map((b) => tokenizer.tokenToId(b) ?? -1)
  expect(bytes.map((id) => stream.push(id))).toEqual(['', '', '', '😀'])
  expect(stream.flush()).toBe('')
})

test('a text that ends inside a character says so, and the decoder can be used again', () => {
  const tokenizer = load('byte-level')
  const stream = tokenizer.streamDecoder()
  const [first] = tokenizer.encode('𠮷') as [number]
  expect(stream.push(first)).toBe('')
  expect(stream.flush()).toBe('\ufffd')
  expect(
    tokenizer
      .encode('ok')
      .map((id) => stream.push(id))
      .join(''),
  ).toBe('ok')
})

test('the space that such a tokenizer puts before a text is taken away once', () => {
  const tokenizer = load('byte-fallback')
  const stream = tokenizer.streamDecoder()
  const pieces = tokenizer.encode(' two words').map((id) => stream.push(id))
  expect(pieces.join('')).toBe(' two words')
})

test('long texts, and tokens that come from decoding others, decode whole', () => {
  const tokenizer = load('byte-level')
  const text = 'many words 字 '.repeat(9000)
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  function* answers() {
    for (const id of tokenizer.encode('a b')) {
      expect(tokenizer.decode(tokenizer.encode('other'))).toBe('other')
      yield id
    }
  }
  expect(tokenizer.decode(answers())).toBe('a b')
})

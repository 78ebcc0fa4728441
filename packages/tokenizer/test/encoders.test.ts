import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BpeEncoder } from '../src/bpe-encoder.js'
import { createEncoder } from '../src/create-encoder.js'
import { defineTokenizer } from '../src/definition.js'
import { LibraryEncoder } from '../src/library-encoder.js'
import { spacedWordEnd } from '../src/words/spaced-words.js'
import { strangeText } from './strange-text.js'

type Json = Record<string, unknown> & {
  model: Record<string, unknown> & { merges: [string, string][]; vocab: Record<string, number> }
  added_tokens: Record<string, unknown>[]
}

function load(name: string): Json {
  const file = readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8')
  return (JSON.parse(file) as { tokenizer: Json }).tokenizer
}

const bytes = load('byte-level')
const llama3 = load('llama3-split')
const fallback = load('byte-fallback')
const metaspace = load('metaspace-first')

function joined({ model }: Json): string[] {
  return model.merges.map(([left, right]) => left + right)
}

function withModel(json: Json, change: Record<string, unknown>): Json {
  return { ...json, model: { ...json.model, ...change } }
}

/** With tokens that take white space along, that overlap, and that are looked for in normal form. */
function withTokens(json: Json): Json {
  const tokens = [
    { id: 900, content: 'ing', lstrip: true, rstrip: true },
    { id: 901, content: '<th', normalized: true },
    { id: 902, content: '  ', rstrip: true },
    { id: 903, content: 'é', normalized: true, special: true },
    { id: 904, content: '字', lstrip: true, normalized: true },
  ]
  return { ...json, added_tokens: [...json.added_tokens, ...tokens] }
}

/** With a token that is a merge across a space, so that a text is one word indeed. */
function withPhrase(json: Json): Json {
  const { merges, vocab } = json.model
  const phrase = { 'e▁': 950, 'e▁e': 951 }
  const more: [string, string][] = [
    ['e', '▁'],
    ['e▁', 'e'],
  ]
  return withModel(json, { vocab: { ...vocab, ...phrase }, merges: [...more, ...merges] })
}

const withoutBytes = Object.fromEntries(
  Object.entries(fallback.model.vocab).filter(([token]) => !token.startsWith('<0x')),
)
const gpt2 = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
const ownPattern = {
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: '\\s+' }, behavior: 'Removed', invert: false },
    { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
  ],
}

test.each<[string, Json]>([
  ['digits alone and the words of GPT-2', bytes],
  ['the words of GPT-2', { ...bytes, pre_tokenizer: gpt2 }],
  ['a space before the text', { ...bytes, pre_tokenizer: { ...gpt2, add_prefix_space: true } }],
  ['another pattern', { ...bytes, pre_tokenizer: ownPattern }],
  ['the words of Llama 3, some of them whole', llama3],
  ['a normal form', { ...llama3, normalizer: { type: 'NFC' } }],
  ['tokens of many kinds', withTokens({ ...bytes, normalizer: { type: 'NFC' } })],
  ['no words at all', { ...bytes, pre_tokenizer: null }],
  ['bytes of unknown characters', fallback],
  ['spaces written as a mark', metaspace],
  ['tokens of many kinds, spaces written as a mark', withTokens(metaspace)],
  ['whole texts that are tokens', withModel(metaspace, { ignore_merges: true })],
  ['merges across spaces', withPhrase(fallback)],
  ['unknown characters, fused', withModel(fallback, { vocab: withoutBytes })],
  ['unknown characters', withModel(metaspace, { vocab: withoutBytes, fuse_unk: false })],
  ['unknown characters left out', withModel(metaspace, { vocab: withoutBytes, unk_token: null })],
  [
    'merges as text',
    withModel(bytes, { merges: bytes.model.merges.map((pair) => pair.join(' ')) }),
  ],
])('a model with %s encodes any text as the library does', (_, json) => {
  const definition = defineTokenizer('test', json)
  const ours = new BpeEncoder(definition)
  const library = new LibraryEncoder(definition)
  fc.assert(
    fc.property(strangeText, fc.boolean(), (text, addSpecialTokens) => {
      expect(ours.encode(text, addSpecialTokens)).toEqual(library.encode(text, addSpecialTokens))
    }),
    { numRuns: 400, seed: 14 },
  )
  const long = 'a'.repeat(3000) + '字 é'.repeat(500)
  expect(ours.encode(long, false)).toEqual(library.encode(long, false))
})

test.each([
  ['of a text that is no token', [['t', 'h', 'x'].slice(0, 2), ['th', '@']], /not in "vocab"/],
  ['of three texts', ['t h e'], /the merge 't h e', which is no two tokens/],
])('a model with a merge %s is refused', (_, merges, message) => {
  expect(() => createEncoder(defineTokenizer('test', withModel(bytes, { merges })))).toThrow(
    message,
  )
})

test.each([
  [
    'two tokens of one id',
    withModel(bytes, { vocab: { ...bytes.model.vocab, twin: 0 } }),
    /got 0 for '.*' and 'twin'/,
  ],
  [
    'an id that no list can hold',
    withModel(bytes, { vocab: { ...bytes.model.vocab, far: 4e9 } }),
    /whole number below 16777216; got 4000000000/,
  ],
  [
    'an added token in the place of another',
    { ...bytes, added_tokens: [{ id: 1, content: '<x>' }] },
    /got 1 for '.*' and '<x>'/,
  ],
])('a vocabulary with %s is refused', (_, json, message) => {
  expect(() => createEncoder(defineTokenizer('test', json as never))).toThrow(message)
})

test('a pattern without an end is ended', () => {
  const split = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false }
  const encoder = createEncoder(defineTokenizer('test', { ...bytes, pre_tokenizer: split }))
  const started = performance.now()
  expect(() => encoder.encode(`${'a'.repeat(40)}!`, false)).toThrow(
    /patterns of tokenizer.json must be done within 3/,
  )
  expect(performance.now() - started).toBeLessThan(7000)
  expect(encoder.encode('bab', false).length).toBeGreaterThan(0)
}, 20_000)

test('a text is cut at spaces only for a model that never merges across them', () => {
  expect(spacedWordEnd(joined(withPhrase(fallback)))).toBeUndefined()
  const wordEnd = spacedWordEnd(joined(fallback))
  const text = '▁▁two▁words▁▁'
  expect([0, 5, 11].map((start) => wordEnd?.(text, start))).toEqual([5, 11, 13])
})

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BpeEncoder } from '../src/bpe-encoder.js'
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
  [
    'merges of texts that are no tokens',
    withModel(bytes, { merges: [['t', 'h'], ['th', '@'], ...bytes.model.merges.slice(9)] }),
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

test('a text is cut at spaces only for a model that never merges across them', () => {
  expect(spacedWordEnd(joined(withPhrase(fallback)))).toBeUndefined()
  const wordEnd = spacedWordEnd(joined(fallback))
  const text = '▁▁two▁words▁▁'
  expect([0, 5, 11].map((start) => wordEnd?.(text, start))).toEqual([5, 11, 13])
})

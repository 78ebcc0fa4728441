import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type GgufVocabulary, TOKEN_TYPE, Tokenizer } from '../src/index.js'
import { strangeText } from './strange-text.js'

interface Golden {
  readonly tokenizer: Record<string, unknown> & { model: Record<string, unknown> }
  readonly cases: readonly {
    readonly text: string
    readonly ids: readonly number[]
    readonly with_special: readonly number[]
    readonly decoded: string
  }[]
}

const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8')) as Golden

const CHAT = "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}"
const NAMED = {
  'byte-level': { bos_token: '<|im_start|>', eos_token: '<|im_end|>', pad_token: '<|endoftext|>' },
  'llama3-split': { bos_token: '<|endoftext|>', eos_token: '<|im_end|>' },
  'byte-fallback': { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' },
}

describe.each(Object.entries(NAMED))('the tokenizer %s', (name, named) => {
  const { tokenizer: json, cases } = golden(name)
  const original = Tokenizer.fromJson(json, { ...named, chat_template: CHAT })
  const vocabulary = original.ggufVocabulary()
  const back = Tokenizer.fromGguf(vocabulary)

  it('gives the ids and texts of its reference by way of GGUF', () => {
    for (const { text, ids, with_special: framed, decoded } of cases) {
      expect(back.encode(text)).toEqual(ids)
      expect(back.encode(text, { addSpecialTokens: true }).slice(0, 2)).toEqual(framed)
      expect(back.decode(ids)).toBe(decoded)
    }
  })

  it('gives the same ids for any text', () => {
    fc.assert(
      fc.property(strangeText, (text) => {
        expect(back.encode(text)).toEqual(original.encode(text))
      }),
      { numRuns: 300 },
    )
  })

  it('keeps named tokens and the template, and is written as it was read', () => {
    expect([back.bosTokenId, back.eosTokenId, back.padTokenId]).toEqual([
      original.bosTokenId,
      original.eosTokenId,
      original.padTokenId,
    ])
    expect(back.chatTemplate).toBe(CHAT)
    expect(back.ggufVocabulary()).toEqual(vocabulary)
  })
})

describe('the vocabulary of a GGUF file', () => {
  const vocabulary = Tokenizer.fromJson(golden('byte-level').tokenizer).ggufVocabulary()

  it('names the way in which words are found', () => {
    expect(vocabulary.pre).toBe('smollm')
    const { tokenizer } = golden('llama3-split')
    expect(Tokenizer.fromJson(tokenizer).ggufVocabulary().pre).toBe('llama-bpe')
  })

  it('has unused tokens for rows of the model that no token has', () => {
    const { tokenizer } = golden('byte-level')
    const { tokens, tokenTypes } = Tokenizer.fromJson(tokenizer).ggufVocabulary(500)
    expect(tokens).toHaveLength(500)
    expect([tokens[499], tokenTypes?.[499]]).toEqual(['[PAD499]', TOKEN_TYPE.unused])
    expect(() => Tokenizer.fromJson(tokenizer).ggufVocabulary(100)).toThrow(
      /no more tokens than the model has rows, 100; got 481/,
    )
  })

  it('is refused where it would give other tokens', () => {
    const read = (change: Partial<GgufVocabulary>) => () =>
      Tokenizer.fromGguf({ ...vocabulary, ...change }, 'x.gguf')
    expect(read({ pre: 'chameleon' })).toThrow(
      /x\.gguf: tokenizer\.ggml\.pre must be one of smollm, .*; got 'chameleon'/,
    )
    expect(read({ pre: undefined })).toThrow(/tokenizer\.ggml\.pre must be one of/)
    expect(read({ merges: undefined })).toThrow(/tokenizer\.ggml\.merges must be there/)
    expect(read({ tokenTypes: [1] })).toThrow(/token_type must have one entry for each of the 481/)
    expect(read({ eosTokenId: 481 })).toThrow(/eosTokenId of the tokenizer must be below 481/)
    expect(read({ tokens: [...vocabulary.tokens.slice(1), 'a'] })).toThrow(/must be there once/)
    expect(read({ model: 'llama' })).toThrow(/tokenizer\.ggml\.scores must be there/)
  })

  it('is not made of a tokenizer that GGUF has no word for', () => {
    const { tokenizer } = golden('byte-level')
    const lower = { ...tokenizer, normalizer: { type: 'Lowercase' } }
    expect(() => Tokenizer.fromJson(lower).ggufVocabulary()).toThrow(
      /GGUF knows the words of .*behind Lowercase/,
    )
  })

  it('joins the pieces of SentencePiece in the order of their scores', () => {
    const tokens = ['<unk>', '\u2581', 'a', 'b', 'c', 'ab', 'bc', '\u2581a']
    const tokenizer = (scores: number[]) =>
      Tokenizer.fromGguf({
        model: 'llama',
        tokens,
        scores,
        unknownTokenId: 0,
        addBos: false,
        tokenTypes: [2, 1, 1, 1, 1, 1, 1, 1],
      })
    const bcFirst = tokenizer([0, 0, 0, 0, 0, -2, -1, -3])
    expect(bcFirst.encode('abc')).toEqual([7, 6])
    const abFirst = tokenizer([0, 0, 0, 0, 0, -1, -2, -3])
    expect(abFirst.encode('abc')).toEqual([1, 5, 4])
  })
})

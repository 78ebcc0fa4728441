import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Tokenizer } from '../src/index.js'

interface Golden {
  tokenizer: Record<string, unknown>
  cases: {
    text: string
    ids: number[]
    with_special: number[]
    decoded: string
    decoded_all: string
  }[]
}

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8')) as T
}

const KINDS = ['byte-level', 'llama3-split', 'byte-fallback', 'metaspace-first']

describe.each(KINDS)('%s tokenizer', (kind) => {
  const { tokenizer: json, cases } = golden<Golden>(kind)
  const tokenizer = Tokenizer.fromJson(json)

  test.each(cases)('encodes and decodes $text as the reference', (row) => {
    const { text, ids } = row
    expect(tokenizer.encode(text)).toEqual(ids)
    expect(tokenizer.encode(text, { addSpecialTokens: true }).slice(0, 2)).toEqual(row.with_special)
    expect(tokenizer.decode(ids)).toBe(row.decoded)
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(row.decoded_all)
    expect(tokenizer.countTokens(text)).toBe(ids.length)
  })

  test('every token of a text can be looked up both ways', () => {
    for (const id of cases.flatMap(({ ids }) => ids)) {
      expect(id).toBeLessThan(tokenizer.vocabSize)
      expect(tokenizer.tokenToId(tokenizer.idToToken(id) ?? '')).toBe(id)
    }
  })
})

interface GoldenChats {
  [name: string]: {
    template: string
    cases: {
      messages: { role: string; content: string }[]
      prompt: boolean
      tools: unknown[] | null
      text: string
    }[]
  }
}

const byteLevel = golden<Golden>('byte-level').tokenizer

describe.each(Object.entries(golden<GoldenChats>('chat')))('chat template %s', (_, chat) => {
  const tokenizer = Tokenizer.fromJson(byteLevel, {
    bos_token: '<s>',
    eos_token: { content: '</s>' },
    chat_template: chat.template,
  })

  test.each(chat.cases)('renders as the reference, prompt $prompt', (row) => {
    const options = { addGenerationPrompt: row.prompt, ...(row.tools && { tools: row.tools }) }
    expect(tokenizer.applyChatTemplate(row.messages, options)).toBe(row.text)
    expect(tokenizer.encodeChat(row.messages, options)).toEqual(tokenizer.encode(row.text))
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLibrary } from '../src/library.js'
import { characterClass, LETTER, NEWLINE, NUMBER, SPACE } from '../src/words/character-class.js'
import { KNOWN_WORDS, wordRules } from '../src/words/known-words.js'
import type { WordEnd } from '../src/words/word-end.js'
import { strangeText } from './strange-text.js'

function isolated(regex: string) {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }
}

/** The words that the expressions themselves find. */
function splitBy(patterns: readonly string[]): (text: string) => string[] {
  const model = { type: 'BPE', vocab: { a: 0 }, merges: [] }
  const pretokenizers = patterns.map(isolated)
  const others = { normalizer: null, post_processor: null, decoder: null, added_tokens: [] }
  const json = { ...others, model, pre_tokenizer: { type: 'Sequence', pretokenizers } }
  const split = createLibrary(json, undefined).pre_tokenizer
  return (text) => split?.(text, {}) ?? []
}

function wordsOf(text: string, wordEnd: WordEnd): string[] {
  const words: string[] = []
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = wordEnd(text, start)
    if (end <= start) throw new Error(`a word ends where it starts, at ${start}`)
    words.push(text.slice(start, end))
  }
  return words
}

describe.each(KNOWN_WORDS)('the words of %j', (patterns, wordEnd) => {
  const split = splitBy(patterns)

  test('are those that the expressions find, in any text', () => {
    fc.assert(
      fc.property(strangeText, (text) => {
        expect(wordsOf(text, wordEnd)).toEqual(split(text))
      }),
      { numRuns: 3000, seed: 11 },
    )
  })

  test('are those that the expressions find, around every character of Unicode', () => {
    for (let plane = 0; plane < 0x110000; plane += 0x1000) {
      let text = ''
      for (let code = plane; code < plane + 0x1000; code++) {
        text += `${String.fromCodePoint(code)}a ${String.fromCodePoint(code)}`
      }
      expect(wordsOf(text, wordEnd).join('\u0000')).toBe(split(text).join('\u0000'))
    }
  })

  test('are recognised by the expressions, and only by all of them', () => {
    const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false }
    const rules = (steps: unknown[]) => wordRules({ type: 'Sequence', pretokenizers: steps })
    const steps = patterns.map(isolated)
    expect(rules([...steps, bytes])).toEqual({ bytes: true, wordEnd, preTokenizer: null })
    expect(rules([{ type: 'Sequence', pretokenizers: steps }, bytes]).wordEnd).toBe(wordEnd)
    expect(rules(steps).wordEnd).toBeUndefined()
    expect(rules([...steps, isolated('x'), bytes]).wordEnd).toBeUndefined()
    expect(rules([{ ...steps[0], behavior: 'Removed' }, bytes]).wordEnd).toBeUndefined()
    expect(rules([...steps, { ...bytes, add_prefix_space: true }]).bytes).toBe(false)
  })
})

test('every character has the class that Unicode gives it', () => {
  const classOf = (character: string) => characterClass(character.codePointAt(0) as number)
  expect(['a', '字', '𠮷', 'ʰ'].map(classOf)).toEqual([LETTER, LETTER, LETTER, LETTER])
  expect(['7', '¾', 'Ⅷ', '𝟙'].map(classOf)).toEqual([NUMBER, NUMBER, NUMBER, NUMBER])
  expect([' ', '\t', '\u0085', '\u3000'].map(classOf)).toEqual([SPACE, SPACE, SPACE, SPACE])
  expect(['\n', '\r'].map(classOf)).toEqual([NEWLINE, NEWLINE])
})

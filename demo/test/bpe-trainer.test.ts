import { describe, expect, test } from 'vitest'
import { trainBpe } from '../src/pretrain/bpe-trainer.js'
import { preTokenize } from '../src/pretrain/pre-tokenizer.js'

describe('byte-pair encoding', () => {
  test('digits stand alone and words keep the space before them', () => {
    expect(preTokenize("it's 42 微调!\n\n ok")).toEqual([
      'it',
      "'s",
      ' ',
      '4',
      '2',
      ' 微调',
      '!',
      '\n\n',
      ' ok',
    ])
  })

  test('merges the most frequent pair first, ties by the smaller ids', () => {
    // Sennrich et al. 2016, figure 1: low x5, lower x2, newest x6, widest x3.
    const words = { low: 5, lower: 2, newest: 6, widest: 3 }
    const texts = Object.entries(words).flatMap(([word, count]) => Array<string>(count).fill(word))
    const { merges, ids } = trainBpe(texts, 256 + 4, [])
    expect(merges).toEqual([
      ['e', 's'],
      ['es', 't'],
      ['l', 'o'],
      ['lo', 'w'],
    ])
    expect(ids.get('est')).toBe(257)
  })

  test('stops when nothing repeats, and reserves ids for special tokens', () => {
    const { ids, merges } = trainBpe(['abc'], 1000, ['<|end|>'])
    expect(merges).toEqual([])
    expect(ids.size).toBe(257)
    expect(ids.get('<|end|>')).toBe(0)
    expect(ids.get('a')).toBe(1 + 97)
  })
})

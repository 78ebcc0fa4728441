import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { displayWidth, padCells, sideBySide, wrapCells } from '../src/columns.js'

describe('columns of a terminal', () => {
  test('a Chinese character takes two cells, a combining mark none', () => {
    expect(displayWidth('LoRA 微调')).toBe(9)
    expect(displayWidth('e\u0301')).toBe(1)
    expect(padCells('微调', 6)).toBe('微调  ')
  })

  test('breaks at spaces and between wide characters', () => {
    expect(wrapCells('one two three', 8)).toEqual(['one two', 'three'])
    expect(wrapCells('微调大模型', 4)).toEqual(['微调', '大模', '型'])
  })

  test('no line is wider than asked, and no character is lost', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'bc', ' ', '微', '，', 'longer') })
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 30 }), (value, width) => {
        const lines = wrapCells(value, width)
        expect(lines.every((line) => displayWidth(line) <= width)).toBe(true)
        expect(lines.join('').replaceAll(' ', '')).toBe(value.replaceAll(' ', ''))
      }),
    )
  })

  test('lays answers side by side', () => {
    const lines = sideBySide(
      [
        { heading: 'before', text: 'no idea' },
        { heading: 'after', text: '学习率是步长' },
      ],
      23,
    )
    expect(lines).toEqual(['before       after', 'no idea      学习率是步', '             长'])
  })
})

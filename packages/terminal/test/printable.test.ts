import { expect, test } from 'vitest'
import { printable } from '../src/index.js'

test('what a terminal obeys is gone, what people read is not', () => {
  expect(printable('a\u001b[2Jb\u0007\r\u009b1m\u202ec')).toBe('a[2Jb1mc')
  expect(printable('line 1\n\tline 2 学 é 👍🏽 e\u0301')).toBe('line 1\n\tline 2 学 é 👍🏽 e\u0301')
})

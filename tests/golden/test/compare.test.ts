import { describe, expect, test } from 'vitest'
import { largestError, normError } from '../src/compare.js'

describe('errors', () => {
  test('are measured as their names say', () => {
    expect(largestError('absolute', [1, 2], [1, 4])).toBe(2)
    expect(largestError('relative', [1, 2], [1, 4])).toBe(0.5)
    expect(largestError('of largest', [1, 2], [-10, 4])).toBe(1.1)
    expect(largestError('differing', [1, 2, 3], [1, 0, 0])).toBe(2)
    expect(normError([0, 0], [3, 4])).toBe(1)
  })

  test('NaN, a missing part and a gradient where none belongs are never within a bound', () => {
    expect(largestError('absolute', [Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY)
    expect(largestError('of largest', [], [1])).toBe(Number.POSITIVE_INFINITY)
    expect(normError([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY)
    expect(normError([1e-9], [0])).toBe(Number.POSITIVE_INFINITY)
    expect(normError([0], [0])).toBe(0)
  })
})

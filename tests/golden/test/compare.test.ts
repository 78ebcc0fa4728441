import { describe, expect, test } from 'vitest'
import type { Bound } from '../src/bounds.js'
import { compare, compareEach, normError, within } from '../src/compare.js'

const absolute: Bound = { measure: 'absolute', floor: { limit: 1 }, times: 4 }

describe('errors', () => {
  test('are measured as their names say', () => {
    expect(compare([1, 2], [1, 4], absolute)).toEqual({ error: 2, limit: 1 })
    const relative: Bound = { measure: 'relative', times: 2, spread: 0.25 }
    expect(compare([0, 0], [3, 4], relative)).toEqual({ error: 1, limit: 0.5 })
    const differing: Bound = { measure: 'differing', floor: { limit: 0 }, times: 4 }
    expect(compare([1, 2, 3], [1, 0, 0], differing)).toEqual({ error: 2, limit: 0 })
  })

  test('NaN, a missing part and a gradient where none belongs are never within a bound', () => {
    const infinite = { error: Number.POSITIVE_INFINITY, limit: 1 }
    expect(compare([Number.NaN], [1], absolute)).toEqual(infinite)
    expect(compare([], [1], absolute)).toEqual(infinite)
    expect(compareEach(new Map(), new Map([['a', [1]]]), absolute)).toMatchObject(infinite)
    expect(compareEach(new Map([['a', [1]]]), new Map(), absolute)).toMatchObject(infinite)
    expect(normError([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY)
    expect(normError([1e-9], [0])).toBe(Number.POSITIVE_INFINITY)
    expect(normError([0], [0])).toBe(0)
  })

  test('NaN is not within a promise of nothing either', () => {
    const nothing: Bound = { measure: 'relative', times: 2 }
    expect(within(compare([2], [1], nothing))).toBe(true)
    expect(within(compare([Number.NaN], [1], nothing))).toBe(false)
  })

  test('of named tensors the worst is told', () => {
    const named = (a: number, b: number, c: number) =>
      new Map(Object.entries({ a: [a], b: [b], c: [c] }))
    expect(compareEach(named(1, 4, 2), named(1, 1, 1), absolute)).toEqual({
      error: 3,
      limit: 1,
      where: 'b',
    })
  })
})

describe('a limit', () => {
  const limitOf = (bound: Partial<Bound>, actual: number[], expected: number[]) =>
    compare(actual, expected, { ...absolute, ...bound })

  test('is the floor or so many times the spread, whichever is more', () => {
    expect(limitOf({ spread: 0.2 }, [2], [0]).limit).toBe(1)
    expect(limitOf({ spread: 0.5 }, [2], [0]).limit).toBe(2)
    expect(limitOf({ spread: 0.5, times: 2 }, [2], [0]).limit).toBe(1)
    expect(limitOf({ floor: undefined, spread: 0.2 }, [2], [0]).limit).toBe(0.8)
    expect(limitOf({ floor: undefined }, [2], [0]).limit).toBeUndefined()
  })

  test('may be a share of the largest number', () => {
    const floor = { limit: 0.5, of: 'largest' } as const
    expect(limitOf({ floor }, [0, -8], [2, -10])).toEqual({ error: 2, limit: 5 })
    expect(limitOf({ floor, spread: 2 }, [0, -8], [2, -10])).toEqual({ error: 2, limit: 8 })
  })

  test('may be a share of each number; the one nearest to its limit counts', () => {
    const floor = { limit: 0.5, of: 'each' } as const
    expect(limitOf({ floor }, [3, -8], [2, -10])).toEqual({ error: 1, limit: 1 })
    expect(limitOf({ floor, spread: 0.75 }, [3, -8], [2, -10])).toEqual({ error: 2, limit: 5 })
  })
})

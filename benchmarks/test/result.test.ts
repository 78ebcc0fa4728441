import { describe, expect, test } from 'vitest'
import { compared, median, type Result, summaryOf, wanted } from '../src/result.js'

const speed: Result = { bench: 'b', case: 'c', metric: 'speed', value: 30, unit: 'tokens/s' }

describe('results of a bench', () => {
  test('a median is the middle, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([8, 1, 4, 2])).toBe(3)
    expect(median([10, 9])).toBe(9.5)
  })

  test('are compared to what there is: a peer, a limit, or nothing', () => {
    const baseline = { name: 'peer', value: 20 }
    expect(compared({ ...speed, baseline, limit: 40 })).toMatchObject({ ratio: 1.5, ofLimit: 0.75 })
    expect(compared({ ...speed, limit: 60 })).toEqual({ ...speed, limit: 60, ofLimit: 0.5 })
    expect(compared(speed)).toEqual(speed)
  })

  test('are summed up by their worst, whatever has neither ratio nor limit', () => {
    const results = [{ ...speed, ratio: 2, ofLimit: 0.5 }, { ...speed, ratio: 1.1 }, speed]
    expect(summaryOf('b', results)).toEqual({
      bench: 'b',
      case: 'summary',
      ratio: 1.1,
      ofLimit: 0.5,
    })
    expect(summaryOf('b', [speed])).toEqual({ bench: 'b', case: 'summary' })
  })

  test('are chosen by a part of the name of their case', () => {
    const options = { baseline: false, rounds: 1, log: () => {} }
    expect(wanted('bf16 8x8', options)).toBe(true)
    expect(wanted('bf16 8x8', { ...options, only: '8x8' })).toBe(true)
    expect(wanted('bf16 8x8', { ...options, only: 'f32' })).toBe(false)
  })
})

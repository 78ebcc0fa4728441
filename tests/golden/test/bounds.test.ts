import { describe, expect, test } from 'vitest'
import { boundsOf, QUANTITIES } from '../src/bounds.js'
import { compare } from '../src/compare.js'
import { type Finding, holds, sourceOf } from '../src/report.js'
import { checkSpreads } from '../src/spread.js'

const SPREAD = { logits: 1, loss: 2, lora_grad: 3, train_losses: 4, lora_final: 5 }

function finding(spread: number | undefined, dtype: 'float32' | 'bfloat16', off: number): Finding {
  const bound = boundsOf('small', dtype, { lora_grad: spread }).lora_grad
  return { case: '', quantity: 'lora_grad', bound, ...compare([1 + off], [1], bound) }
}

test('float32 allows 4 times the spread of the reference, bfloat16 2 times', () => {
  for (const [dtype, times] of [
    ['float32', 4],
    ['bfloat16', 2],
  ] as const) {
    const bounds = boundsOf('small', dtype, SPREAD)
    for (const quantity of Object.keys(SPREAD) as (keyof typeof SPREAD)[]) {
      const limit = compare([0], [1], bounds[quantity]).limit
      expect(limit).toBe(times * SPREAD[quantity])
    }
    const within = finding(0.25, dtype, times * 0.25)
    expect([holds(within), sourceOf(within)]).toEqual([true, `${times} x spread`])
    expect(holds(finding(0.25, dtype, times * 0.25 * 1.01))).toBe(false)
  }
})

test('a spread below the floor leaves the floor', () => {
  const found = finding(1e-9, 'float32', 1.9e-5)
  expect([found.limit, sourceOf(found), holds(found)]).toEqual([2e-5, 'floor', true])
  expect(holds(finding(1e-9, 'float32', 2.1e-5))).toBe(false)
})

test('without a spread the floors are all that is promised', () => {
  const { loss, lora_grad, lora_final } = boundsOf('checkpoint', 'bfloat16')
  expect(compare([1], [10], loss).limit).toBe(0.2)
  expect([lora_grad.floor, lora_grad.spread, lora_final.floor]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  for (const quantity of QUANTITIES) {
    expect(boundsOf('checkpoint', 'float32')[quantity].floor).toBeDefined()
  }
})

describe('the spreads of expect.json', () => {
  test('may be absent, all or one', () => {
    expect(checkSpreads(undefined, 'x')).toEqual({})
    expect(checkSpreads({ float32: SPREAD }, 'x')).toEqual({ float32: SPREAD })
  })

  test.each([undefined, null, -1, Number.NaN, '1'])('must be numbers; %s is none', (loss) => {
    expect(() => checkSpreads({ bfloat16: { ...SPREAD, loss } }, 'x/expect.json')).toThrow(
      `x/expect.json: spread.bfloat16.loss must be a number of at least 0; got ${loss}.`,
    )
  })
})

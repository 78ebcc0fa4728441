import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createSchedule, type ScheduleSettings, warmupStepsOf } from '../src/index.js'

const FIXTURE = JSON.parse(
  readFileSync(new URL('fixtures/schedules.json', import.meta.url), 'utf8'),
) as { rates: Record<string, number[]> }

const factors = (schedule: (step: number) => number, steps: number) =>
  Array.from({ length: steps }, (_, step) => schedule(step))

describe('createSchedule', () => {
  it('rises from 0, falls linearly and would reach 0 at the last step', () => {
    const schedule = createSchedule({ schedule: 'linear', totalSteps: 6, warmupSteps: 2 })
    expect(factors(schedule, 7)).toEqual([0, 0.5, 1, 0.75, 0.5, 0.25, 0])
    expect(schedule(9)).toBe(0)
  })

  it('follows half a cosine', () => {
    const schedule = createSchedule({ schedule: 'cosine', totalSteps: 5, warmupSteps: 1 })
    const expected = [0, 1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2, 0]
    // Two roundings of a number at most 1.
    for (const [step, value] of expected.entries()) expect(schedule(step)).toBeCloseTo(value, 15)
  })

  it('stays at 1 when constant', () => {
    const schedule = createSchedule({ schedule: 'constant', totalSteps: 4, warmupSteps: 2 })
    expect(factors(schedule, 4)).toEqual([0, 0.5, 1, 1])
  })

  it('is linear without a warm-up by default', () => {
    expect(factors(createSchedule({ totalSteps: 4 }), 4)).toEqual([1, 0.75, 0.5, 0.25])
  })

  it('rounds a warm-up ratio up', () => {
    expect(warmupStepsOf({ totalSteps: 50, warmupRatio: 0.03 })).toBe(2)
    expect(warmupStepsOf({ totalSteps: 50, warmupRatio: 0 })).toBe(0)
  })

  it.each([
    { name: 'linear' },
    { name: 'cosine' },
    { name: 'cosine_with_restarts', cycles: 3 },
    { name: 'cosine_with_min_lr', floor: 0.1 },
    { name: 'polynomial', power: 2, floor: 0.01 },
    { name: 'constant_with_warmup' },
    { name: 'inverse_sqrt', timescale: 5 },
    { name: 'warmup_stable_decay', floor: 0.1, decaySteps: 15 },
  ] satisfies ScheduleSettings[])('has the rates of transformers: $name', (schedule) => {
    const rates = FIXTURE.rates[schedule.name] as number[]
    const own = createSchedule({ schedule, totalSteps: 50, warmupSteps: 5 })
    expect(rates).toHaveLength(50)
    // A handful of roundings of numbers at most 1.
    for (const [step, rate] of rates.entries()) expect(own(step)).toBeCloseTo(rate, 14)
  })

  it.each([
    [{ totalSteps: 0 }, /totalSteps: .* got 0/],
    [{ totalSteps: 10, warmupSteps: 0.1 }, /warmupSteps: .* got 0.1.*warmupRatio/],
    [{ totalSteps: 10, warmupRatio: 1.5 }, /warmupRatio: .* got 1.5/],
    [{ totalSteps: 10, warmupSteps: 1, warmupRatio: 0.1 }, /together with warmupRatio/],
    [{ totalSteps: 10, schedule: 'polynominal' as 'linear' }, /schedule: .* got 'polynominal'/],
  ])('refuses %j', (options, message) => {
    expect(() => createSchedule(options)).toThrow(message)
  })
})

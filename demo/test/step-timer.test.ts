import { expect, test } from 'vitest'
import { StepTimer } from '../src/step-timer.js'

/** Steps of 100 tokens until it is enough. */
function run(secondsOf: (step: number) => number): { timer: StepTimer; steps: number } {
  const timer = new StepTimer()
  let now = 5
  let steps = 0
  while (!timer.isEnough) {
    now += secondsOf(++steps)
    timer.step(100, now)
  }
  return { timer, steps }
}

test('the slow first steps do not count', () => {
  const { timer } = run((step) => (step <= 2 ? 10 : 0.5))
  expect(timer.secondsPerToken).toBeCloseTo(0.005)
})

test('a slow machine takes few steps, a fast one enough of them', () => {
  expect(run(() => 60).steps).toBe(6)
  expect(run(() => 0.25).steps).toBe(10)
  expect(run(() => 0.001).steps).toBe(52)
})

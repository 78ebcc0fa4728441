import { describe, expect, test } from 'vitest'
import { describePlan, LEAST_STEPS, MOST_STEPS, planSteps } from '../src/plan-steps.js'

const secondsLeft = 100

describe('the number of steps', () => {
  test('is the largest on a fast machine, however fast', () => {
    for (const secondsPerStep of [0.0001, 0.05]) {
      const plan = planSteps({ secondsPerStep, secondsLeft })
      expect(plan).toMatchObject({ steps: MOST_STEPS, reason: 'enough' })
    }
    expect(describePlan(planSteps({ secondsPerStep: 0.05, secondsLeft }))).toBe(
      `0.05 s a step: ${MOST_STEPS} steps, about ${MOST_STEPS / 20} s`,
    )
  })

  test('is what ends in time, with some to spare, where not all do', () => {
    const between = (LEAST_STEPS + MOST_STEPS) / 2
    const plan = planSteps({ secondsPerStep: (0.85 * secondsLeft) / between, secondsLeft })
    expect(Math.abs(plan.steps - between)).toBeLessThanOrEqual(1)
    expect(plan.seconds).toBeLessThanOrEqual(0.85 * secondsLeft)
    expect(plan.reason).toBe('budget')
    expect(describePlan(plan)).toMatch(/about 1:25 min; more might take over 2:00 min$/)
  })

  test('is the smallest that teaches the answers on a hopeless machine, which is said', () => {
    for (const left of [secondsLeft, 0, -30]) {
      const plan = planSteps({ secondsPerStep: 2, secondsLeft: left })
      expect(plan).toMatchObject({ steps: LEAST_STEPS, reason: 'slow machine' })
      expect(describePlan(plan)).toMatch(
        /^2 s a step, this machine is slow: 350 steps, about 12 minutes/,
      )
    }
    expect(describePlan(planSteps({ secondsPerStep: 12.34, secondsLeft }))).toMatch(/^12 s a step/)
  })
})

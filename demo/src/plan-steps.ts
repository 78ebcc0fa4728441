import { clock } from './terminal/status-line.js'

/** What the demo may take from the end of the build to the answers. */
export const BUDGET_SECONDS = 120
/** Kept free, as other programs may want the machine while the training runs. */
const SLACK = 0.15
/** With these, every answer that was asked for is learnt word for word, so more would show nothing new. */
export const MOST_STEPS = 400
/** With 300, one answer in forty that the data set holds is not learnt to the last word; with 250, sixteen. */
export const LEAST_STEPS = 350

export interface StepTimes {
  secondsPerStep: number
  /** What is left of the budget for the training. */
  secondsLeft: number
}

export interface StepPlan {
  readonly steps: number
  readonly secondsPerStep: number
  /** What the training is expected to take. */
  readonly seconds: number
  /** Why it is not more steps, or not fewer. */
  readonly reason: 'enough' | 'budget' | 'slow machine'
}

/** As many steps as end within the budget, but never so few that the answers are not learnt. */
export function planSteps({ secondsPerStep, secondsLeft }: StepTimes): StepPlan {
  const affordable = Math.floor((secondsLeft * (1 - SLACK)) / secondsPerStep)
  const steps = Math.max(LEAST_STEPS, Math.min(MOST_STEPS, affordable))
  const seconds = steps * secondsPerStep
  const limited = seconds <= secondsLeft ? 'budget' : 'slow machine'
  return { steps, secondsPerStep, seconds, reason: affordable >= MOST_STEPS ? 'enough' : limited }
}

/** "0.05 s a step: 400 steps, about 20 s". */
export function describePlan({ steps, secondsPerStep, seconds, reason }: StepPlan): string {
  const each = Number(secondsPerStep.toPrecision(2))
  const pace = `${each} s a step`
  const run = `${steps} steps, about ${duration(seconds)}`
  if (reason === 'enough') return `${pace}: ${run}`
  if (reason === 'budget')
    return `${pace}: ${run}; more might take over ${duration(BUDGET_SECONDS)}`
  return `${pace}, this machine is slow: ${run}; fewer would not teach the answers`
}

/** 20 s, 1:45 min, 5 minutes. */
function duration(seconds: number): string {
  if (seconds >= 180) return `${Math.round(seconds / 60)} minutes`
  return seconds < 60 ? `${Math.max(1, Math.round(seconds))} s` : `${clock(seconds)} min`
}

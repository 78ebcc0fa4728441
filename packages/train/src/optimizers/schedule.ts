import { ConfigError } from '@llft/errors'
import { from, oneOf, parseOptions, wholeNumber } from '@llft/options'
import { z } from 'zod'

export type ScheduleName = 'linear' | 'cosine' | 'constant'

/** The learning rate's factor at a step that counts from 0; 1 is the full learning rate. */
export type Schedule = (step: number) => number

export interface ScheduleOptions {
  /** Shape after the warm-up. Default 'linear'. */
  schedule?: ScheduleName | undefined
  /** Optimiser steps of the whole run; the factor reaches its end value there. */
  totalSteps: number
  /** Steps over which the factor rises from 0 to 1. Default 0, or `warmupRatio` of all steps. */
  warmupSteps?: number | undefined
  /** Part of `totalSteps` for the warm-up, from 0 to 1, rounded up; not together with `warmupSteps`. */
  warmupRatio?: number | undefined
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0

export const scheduleShape = {
  schedule: oneOf(['linear', 'cosine', 'constant']).default('linear'),
  warmupSteps: z
    .custom<number>(isCount, {
      error: 'must be a whole number of at least 0',
      params: { fix: 'A share of the run goes into warmupRatio.' },
    })
    .optional(),
  warmupRatio: from(0, 1).optional(),
}
const optionsSchema = z.strictObject({ ...scheduleShape, totalSteps: wholeNumber(1) })

/**
 * Builds a schedule with the factors of transformers' `get_scheduler` (`optimization.py`): with t from 0,
 * w warm-up steps and N total steps, t/w while t < w, so the first step of a warm-up has the rate 0; then
 * linear (N-t)/(N-w), cosine (1+cos(pi (t-w)/(N-w)))/2, constant 1.
 *
 * @throws ConfigError for a count that is not a whole number, a ratio outside 0 to 1, or both warm-ups at once.
 */
export function createSchedule(options: ScheduleOptions): Schedule {
  const { schedule, totalSteps } = parseOptions(optionsSchema, options, 'createSchedule')
  const warmup = warmupStepsOf(options)
  const span = Math.max(1, totalSteps - warmup)
  const decay = DECAYS[schedule]
  return (step) =>
    step < warmup ? step / Math.max(1, warmup) : Math.max(0, decay((step - warmup) / span))
}

/** The warm-up in steps that `createSchedule` uses. */
export function warmupStepsOf(options: ScheduleOptions): number {
  const parsed = parseOptions(optionsSchema, options, 'createSchedule')
  const { totalSteps, warmupSteps, warmupRatio } = parsed
  if (warmupRatio === undefined) return warmupSteps ?? 0
  if (warmupSteps === undefined) return Math.ceil(totalSteps * warmupRatio)
  throw new ConfigError('warmupSteps: must not be given together with warmupRatio; got both.')
}

/** From the progress after the warm-up (0 at its end, 1 at the last step) to the factor. */
const DECAYS: Record<ScheduleName, (progress: number) => number> = {
  linear: (progress) => 1 - progress,
  cosine: (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)),
  constant: () => 1,
}

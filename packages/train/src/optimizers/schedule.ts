import { ConfigError } from '@llft/errors'
import { above, from, nameOr, oneOf, parseOptions, wholeNumber } from '@llft/options'
import { z } from 'zod'

/** The names of transformers' `get_scheduler`. */
export const SCHEDULE_NAMES = [
  'linear',
  'cosine',
  'cosine_with_restarts',
  'cosine_with_min_lr',
  'polynomial',
  'constant',
  'constant_with_warmup',
  'inverse_sqrt',
  'warmup_stable_decay',
] as const
export type ScheduleName = (typeof SCHEDULE_NAMES)[number]

const SHAPES = ['linear', 'cosine', '1-sqrt'] as const
/** How a factor goes from one end to the other. */
export type RampShape = (typeof SHAPES)[number]

/** A schedule with settings of its own. */
export interface ScheduleSettings {
  name: ScheduleName
  /** Waves of a cosine. Default 0.5, with restarts 1: down once. */
  cycles?: number | undefined
  /**
   * Share of the full rate at the end: of `cosine_with_min_lr` (default 0.1), `polynomial` (default 0) and
   * `warmup_stable_decay` (default 0, where the warm-up begins there, too).
   */
  floor?: number | undefined
  /** Exponent of `polynomial`. Default 1. */
  power?: number | undefined
  /** Steps after which `inverse_sqrt` is at 1 / sqrt(2). Default: the warm-up, or 10000 without one. */
  timescale?: number | undefined
  /** Steps of the decay at the end of `warmup_stable_decay`. Default: a tenth of the run. */
  decaySteps?: number | undefined
  /** Of the warm-up of `warmup_stable_decay`. Default 'linear'. */
  warmupShape?: RampShape | undefined
  /** Of its decay. Default 'cosine'. */
  decayShape?: RampShape | undefined
}

/** The learning rate's factor at a step that counts from 0; 1 is the full learning rate. */
export type Schedule = (step: number) => number

export interface ScheduleOptions {
  /** Shape after the warm-up. Default 'linear'. */
  schedule?: ScheduleName | ScheduleSettings | undefined
  /** Optimiser steps of the whole run; the factor reaches its end value there. */
  totalSteps: number
  /** Steps over which the factor rises from 0 to 1. Default 0, or `warmupRatio` of all steps. */
  warmupSteps?: number | undefined
  /** Part of `totalSteps` for the warm-up, from 0 to 1, rounded up; not together with `warmupSteps`. */
  warmupRatio?: number | undefined
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const names = oneOf(SCHEDULE_NAMES)

export const scheduleShape = {
  schedule: nameOr(
    SCHEDULE_NAMES,
    z.strictObject({
      name: names,
      cycles: above(0).optional(),
      floor: from(0, 1).optional(),
      power: above(0).optional(),
      timescale: wholeNumber(1).optional(),
      decaySteps: wholeNumber(1).optional(),
      warmupShape: oneOf(SHAPES).optional(),
      decayShape: oneOf(SHAPES).optional(),
    } satisfies Record<keyof ScheduleSettings, z.ZodType>),
  ).default('linear'),
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
 * Builds a schedule with the factors of transformers' `get_scheduler` (`optimization.py`): with t from 0, w warm-up steps and
 * N total steps, t/w while t < w, so the first step of a warm-up has the rate 0; then with p = (t-w)/(N-w): linear 1-p,
 * cosine (1+cos(pi p))/2, polynomial (1-floor)(1-p)^power + floor, constant 1, inverse square root of 1 + (t-w)/timescale,
 * and so on. `constant` warms up where a warm-up is given. It is a function of the step alone.
 *
 * @throws ConfigError for a count that is not a whole number, a ratio outside 0 to 1, or both warm-ups at once.
 */
export function createSchedule(options: ScheduleOptions): Schedule {
  const { schedule, totalSteps } = parseOptions(optionsSchema, options, 'createSchedule')
  const warmup = warmupStepsOf(options)
  const settings = typeof schedule === 'string' ? { name: schedule } : schedule
  const factor = FACTORS[settings.name](settings, { totalSteps, warmup })
  return (step) => Math.max(0, factor(step))
}

/** The warm-up in steps that `createSchedule` uses. */
export function warmupStepsOf(options: ScheduleOptions): number {
  const parsed = parseOptions(optionsSchema, options, 'createSchedule')
  const { totalSteps, warmupSteps, warmupRatio } = parsed
  if (warmupRatio === undefined) return warmupSteps ?? 0
  if (warmupSteps === undefined) return Math.ceil(totalSteps * warmupRatio)
  throw new ConfigError('warmupSteps: must not be given together with warmupRatio; got both.')
}

interface Span {
  readonly totalSteps: number
  readonly warmup: number
}
type CreateFactor = (settings: ScheduleSettings, span: Span) => Schedule

const FACTORS: Record<ScheduleName, CreateFactor> = {
  linear: (_, span) => afterWarmup(span, (progress) => 1 - progress),
  cosine: ({ cycles = 0.5 }, span) => afterWarmup(span, (progress) => wave(cycles * 2 * progress)),
  cosine_with_restarts: ({ cycles = 1 }, span) =>
    afterWarmup(span, (progress) => (progress >= 1 ? 0 : wave((cycles * progress) % 1))),
  cosine_with_min_lr: ({ cycles = 0.5, floor = 0.1 }, span) =>
    afterWarmup(span, (progress) => lifted(wave(cycles * 2 * progress), floor)),
  polynomial: ({ power = 1, floor = 0 }, span) =>
    afterWarmup(span, (progress) => lifted(Math.max(0, 1 - progress) ** power, floor)),
  constant: (_, span) => afterWarmup(span, () => 1),
  constant_with_warmup: (_, span) => afterWarmup(span, () => 1),
  inverse_sqrt: inverseSqrt,
  warmup_stable_decay: warmupStableDecay,
}

/** A linear warm-up, then `decay` of the progress after it: 0 at its end, 1 at the last step. */
function afterWarmup({ totalSteps, warmup }: Span, decay: (progress: number) => number): Schedule {
  const span = Math.max(1, totalSteps - warmup)
  return (step) => (step < warmup ? step / warmup : decay((step - warmup) / span))
}

function inverseSqrt({ timescale }: ScheduleSettings, { warmup }: Span): Schedule {
  const scale = timescale ?? (warmup > 0 ? warmup : 10_000)
  return (step) => (step < warmup ? step / warmup : 1 / Math.sqrt((step - warmup + scale) / scale))
}

function warmupStableDecay(
  {
    cycles = 0.5,
    floor = 0,
    decaySteps,
    warmupShape = 'linear',
    decayShape = 'cosine',
  }: ScheduleSettings,
  { totalSteps, warmup }: Span,
): Schedule {
  const decay = decaySteps ?? Math.ceil(totalSteps / 10)
  const start = Math.max(warmup, totalSteps - decay)
  const rise: Record<RampShape, (progress: number) => number> = {
    linear: (progress) => progress,
    cosine: (progress) => 0.5 * (1 - Math.cos(Math.PI * progress)),
    '1-sqrt': (progress) => 1 - Math.sqrt(1 - progress),
  }
  const fall: Record<RampShape, (progress: number) => number> = {
    linear: (progress) => 1 - progress,
    cosine: (progress) => wave(cycles * 2 * progress),
    '1-sqrt': (progress) => 1 - Math.sqrt(progress),
  }
  return (step) => {
    if (step < warmup) return lifted(rise[warmupShape](step / warmup), floor)
    if (step < start) return 1
    if (step >= start + decay) return floor
    return lifted(fall[decayShape]((step - start) / decay), floor)
  }
}

/** (1 + cos(pi x)) / 2. */
function wave(x: number): number {
  return 0.5 * (1 + Math.cos(Math.PI * x))
}

/** A factor between 0 and 1 as one between `floor` and 1. */
function lifted(factor: number, floor: number): number {
  return factor * (1 - floor) + floor
}

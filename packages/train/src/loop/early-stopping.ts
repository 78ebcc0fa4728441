import { atLeast, flag, text, wholeNumber } from '@llft/options'
import { z } from 'zod'
import type { EvaluationRecord } from './result.js'

/** When a run no longer gets better. */
export interface EarlyStopping {
  /** Evaluations in a row without an improvement before the run stops. */
  patience: number
  /** Least change that counts as an improvement. Default 0. */
  minChange?: number | undefined
  /** 'loss' of the held-out part, or a figure that a callback measures. Default 'loss'. */
  metric?: string | undefined
  /** Whether more is better. Default false. */
  greaterIsBetter?: boolean | undefined
}

export const earlyStopping = z.strictObject({
  patience: wholeNumber(1),
  minChange: atLeast(0).default(0),
  metric: text('must be the name of a figure').default('loss'),
  greaterIsBetter: flag.default(false),
} satisfies Record<keyof EarlyStopping, z.ZodType>)

/** Why the run of these evaluations is to stop; undefined while it is not. */
export function reasonToStop(
  records: readonly EvaluationRecord[],
  { patience, minChange = 0, metric = 'loss', greaterIsBetter = false }: EarlyStopping,
): string | undefined {
  const sign = greaterIsBetter ? -1 : 1
  let best = Number.POSITIVE_INFINITY
  let bestStep = 0
  let waited = 0
  for (const record of records) {
    const figure = figureOf(record, metric)
    if (figure === undefined) continue
    if (sign * figure < best - minChange || best === Number.POSITIVE_INFINITY) {
      best = sign * figure
      bestStep = record.step
      waited = 0
    } else waited++
  }
  if (waited < patience) return undefined
  return `${metric} did not improve on ${(sign * best).toFixed(4)} of step ${bestStep} in ${waited} evaluations`
}

/** A figure of an evaluation: its loss, or what a callback measured. */
export function figureOf(record: EvaluationRecord, metric: string): number | undefined {
  return metric === 'loss' ? record.loss : record.metrics?.[metric]
}

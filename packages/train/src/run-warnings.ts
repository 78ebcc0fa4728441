import type { Warnings } from '@llft/errors'
import type { EvaluationRecord } from './result.js'

/** Steps at the start and at the end whose mean losses are compared. */
const WINDOW = 10
/** A loss that ends this many times as high, and this many nats, above its start has diverged. */
const TIMES = 1.25
const NATS = 0.5

/** Warns of options that do nothing: a warm-up that outlasts the run, evaluations of nothing. */
export function warnOfIdleOptions(
  warnings: Warnings,
  { evalEvery, evalBatches }: { evalEvery?: number | undefined; evalBatches?: unknown },
  { warmup, totalSteps }: { warmup: number; totalSteps: number },
): void {
  if (warmup >= totalSteps && warmup > 1) {
    warnings.add(
      'WARN_LLFT_NO_EFFECT',
      `the warm-up takes ${warmup} steps of a run of ${totalSteps}, so the learning rate never reaches its value.`,
      'Shorten it (warmupSteps, warmupRatio) or train longer.',
    )
  }
  if (evalEvery !== undefined && evalBatches === undefined) {
    warnings.add(
      'WARN_LLFT_NO_EFFECT',
      'evalEvery does nothing without data to evaluate.',
      'Give held-out data, or leave it out.',
    )
  }
}

/** Warns of a run that ends worse than it began. */
export function warnOfDivergence(
  warnings: Warnings,
  losses: readonly number[],
  evalLosses: readonly EvaluationRecord[],
): void {
  const count = Math.min(WINDOW, Math.ceil(losses.length / 4))
  const first = mean(losses.slice(0, count))
  const last = mean(losses.slice(-count))
  const before = evalLosses[0]?.loss ?? Number.NaN
  const after = evalLosses.at(-1)?.loss ?? Number.NaN
  if (losses.length > 1 && hasDiverged(first, last)) {
    addDivergence(warnings, 'training', first, last)
  } else if (hasDiverged(before, after)) {
    addDivergence(warnings, 'held-out', before, after)
  }
}

function hasDiverged(before: number, after: number): boolean {
  return after > before * TIMES && after > before + NATS
}

function addDivergence(warnings: Warnings, kind: string, before: number, after: number): void {
  warnings.add(
    'WARN_LLFT_LOSS_DIVERGED',
    `the ${kind} loss rose from ${before.toFixed(3)} to ${after.toFixed(3)}: the model is worse than before.`,
    'Lower the learning rate, or train for fewer epochs.',
  )
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

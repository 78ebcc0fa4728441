import type { Warnings } from '@llft/errors'
import type { EvaluationRecord, SkippedStep } from './result.js'

/** Steps at the start and at the end whose mean losses are compared. */
const WINDOW = 10
/** A loss that ends this many times as high as it began, and this many nats above that, has diverged. */
const RISE = { times: 1.25, nats: 0.5 }
/** The same where the means are of a step or two, which differ by what is in them. */
const STEEP_RISE = { times: 2, nats: 1 }

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

/** Warns of a run that ends worse than it began, by its held-out loss if there is one. */
export function warnOfDivergence(
  warnings: Warnings,
  losses: readonly number[],
  evalLosses: readonly EvaluationRecord[],
): void {
  const [before, after] = [evalLosses[0]?.loss, evalLosses.at(-1)?.loss]
  if (before !== undefined && after !== undefined && evalLosses.length > 1) {
    if (hasRisen(before, after, RISE)) addDivergence(warnings, 'held-out', before, after)
    return
  }
  if (losses.length < 2) return
  const count = Math.min(WINDOW, Math.ceil(losses.length / 4))
  const first = mean(losses.slice(0, count))
  const last = mean(losses.slice(-count))
  const isSteep = hasRisen(first, last, count < 3 ? STEEP_RISE : RISE)
  if (isSteep) addDivergence(warnings, 'training', first, last)
}

function hasRisen(before: number, after: number, { times, nats }: typeof RISE): boolean {
  return after > before * times && after > before + nats
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

/** Warns of a step that taught nothing. */
export function warnOfSkippedStep(
  warnings: Warnings,
  { step, examples }: SkippedStep,
  figures: Readonly<Record<string, number>>,
): void {
  const got = Object.entries(figures).map(([name, value]) => `${name} ${value}`)
  const where = examples.length > 0 ? ` Its rows: ${examples.join('; ')}.` : ''
  warnings.add(
    'WARN_LLFT_STEP_SKIPPED',
    `step ${step} was skipped, as its figures are not finite (${got.join(', ')}).${where}`,
    'Look for bad values in the data, or lower the learning rate. maxSkippedSteps says how many in a row stop the run.',
  )
}

/** Warns of a checkpoint that was asked for and has no place. */
export function warnOfNoCheckpoints(warnings: Warnings): void {
  warnings.add(
    'WARN_LLFT_CHECKPOINT_FAILED',
    'a checkpoint was asked for, and the run has no folder for them.',
    'Name one: checkpoints.',
  )
}

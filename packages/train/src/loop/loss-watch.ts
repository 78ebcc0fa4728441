import type { EvaluationRecord } from './result.js'

export type VerdictKind = 'healthy' | 'not learning' | 'over-fitting' | 'exploding'

/** What the curve of a loss looks like, in words, and what to try. */
export interface Verdict {
  readonly kind: VerdictKind
  readonly text: string
  readonly advice: string
}

/** The figures of a run so far. */
export interface LossCurve {
  readonly losses: readonly number[]
  readonly evalLosses: readonly EvaluationRecord[]
  readonly totalSteps: number
  readonly learningRate: number
}

/** Steps whose mean stands for one end of the curve. */
const WINDOW = 10
/** Share of a run after which a loss that is near its start learns nothing, and what near means. */
const SETTLED = { share: 0.1, near: 0.02 }
/** How many times as high as its lowest mean an exploding loss is, and how many nats above it. */
const RISE = { times: 1.25, nats: 0.5 }
/** A training loss that has learnt its data by heart, in nats. */
const BY_HEART = 0.3
/** How far a training loss lies below the held-out one where it over-fits, and how far that one has risen, in nats. */
const GAP = { nats: 0.5, rise: 0.02 }

/** Steps before which a curve says nothing. */
const LEAST_STEPS = 2 * WINDOW

/** What the figures say; undefined while they are too few. */
export function judgeLoss(curve: LossCurve): Verdict | undefined {
  const losses = curve.losses.filter(Number.isFinite)
  if (losses.length < LEAST_STEPS) return undefined
  const first = mean(losses.slice(0, WINDOW))
  const last = mean(losses.slice(-WINDOW))
  return (
    exploding(losses, last, curve) ??
    overFitting(last, curve) ??
    notLearning({ first, last }, curve) ??
    healthy(first, last)
  )
}

function exploding(
  losses: readonly number[],
  last: number,
  { learningRate }: LossCurve,
): Verdict | undefined {
  const lowest = lowestMean(losses)
  if (last <= RISE.times * lowest || last <= lowest + RISE.nats) return undefined
  return {
    kind: 'exploding',
    text: `the training loss rose from ${lowest.toFixed(2)} to ${last.toFixed(2)}`,
    advice: `Lower the learning rate to ${rate(learningRate / 3)}, lengthen the warm-up, or clip gradients at 0.3.`,
  }
}

function overFitting(last: number, { evalLosses, learningRate }: LossCurve): Verdict | undefined {
  const held = evalLosses.at(-1)?.loss
  if (held === undefined) {
    if (last >= BY_HEART) return undefined
    return {
      kind: 'over-fitting',
      text: `the training loss is ${last.toFixed(2)}, below ${BY_HEART}: the rows are known by heart`,
      advice: 'Train for fewer epochs, hold rows out to see (eval: 0.05), or add rows.',
    }
  }
  const lowest = evalLosses.reduce((a, b) => (b.loss < a.loss ? b : a))
  const hasRisen = held > lowest.loss + GAP.rise
  if (!(held - last > GAP.nats && hasRisen) && !(last < BY_HEART && held > last + GAP.nats)) {
    return undefined
  }
  return {
    kind: 'over-fitting',
    text: `the training loss is ${last.toFixed(2)} and the held-out loss ${held.toFixed(2)}, at best ${lowest.loss.toFixed(2)} after step ${lowest.step}`,
    advice: `Stop near step ${lowest.step}, add rows, raise dropout to 0.1, or lower the learning rate to ${rate(learningRate / 2)}.`,
  }
}

function notLearning(
  { first, last }: { first: number; last: number },
  { losses, totalSteps, learningRate }: LossCurve,
): Verdict | undefined {
  const isEarly = losses.length < SETTLED.share * totalSteps
  if (isEarly || last < first * (1 - SETTLED.near) || last < BY_HEART) return undefined
  return {
    kind: 'not learning',
    text: `after ${losses.length} steps the training loss is ${last.toFixed(2)}, as at the start (${first.toFixed(2)})`,
    advice: `Raise the learning rate to ${rate(3 * learningRate)}, and look at what is learnt of the rows: llft inspect DATA --model MODEL.`,
  }
}

function healthy(first: number, last: number): Verdict {
  return {
    kind: 'healthy',
    text: `the training loss went from ${first.toFixed(2)} to ${last.toFixed(2)}`,
    advice: '',
  }
}

/** The lowest mean of WINDOW steps in a row. */
function lowestMean(losses: readonly number[]): number {
  let sum = 0
  let lowest = Number.POSITIVE_INFINITY
  for (const [index, loss] of losses.entries()) {
    sum += loss - (index < WINDOW ? 0 : (losses[index - WINDOW] as number))
    if (index >= WINDOW - 1) lowest = Math.min(lowest, sum / WINDOW)
  }
  return lowest
}

function rate(value: number): string {
  return value.toExponential(1).replace('.0e', 'e')
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

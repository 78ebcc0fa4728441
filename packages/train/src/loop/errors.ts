import { AbortedError, LlftError } from '@llft/errors'
import type { TrainResult } from './result.js'

/** What was not finite, and where. */
export interface NonFiniteFigures {
  /** Step from 1 in or after which it happened. */
  readonly step: number
  /** What the batch of that step holds, as `describeBatch` says; nothing for parameters and evaluations. */
  readonly examples?: readonly string[] | undefined
  /** Each that is known, such as `{ loss: NaN, 'gradient norm': NaN }`. */
  readonly figures: Readonly<Record<string, number>>
}

/**
 * A loss, the norm of the gradients or a parameter is not a finite number: `ERR_LLFT_NON_FINITE`.
 *
 * A step whose figures are not finite is not taken, nor any after it: the parameters are those of `result.steps` steps,
 * unless an update of finite gradients went beyond float32 itself.
 */
export class NonFiniteError extends LlftError {
  readonly step: number
  readonly examples: readonly string[]
  readonly figures: Readonly<Record<string, number>>

  constructor(
    { step, examples = [], figures }: NonFiniteFigures,
    /** Losses and counts of the steps that were completed. */
    readonly result: TrainResult,
  ) {
    const got = Object.entries(figures).map(([name, value]) => `${name} ${value}`)
    const where = examples.length > 0 ? ` Examples of this step: ${examples.join('; ')}.` : ''
    super(
      'ERR_LLFT_NON_FINITE',
      `train: losses, gradients and parameters must be finite; got ${got.join(', ')} in step ${step}.${where} ` +
        'Look for bad values in the weights and data, or lower the learning rate.',
    )
    this.step = step
    this.examples = examples
    this.figures = figures
  }
}

/** The AbortSignal stopped a training run: `ERR_LLFT_ABORTED`, with what had been done by then. */
export class TrainingAbortedError extends AbortedError {
  constructor(
    /** Losses and counts of the steps that were completed. */
    readonly result: TrainResult,
    reason: unknown,
  ) {
    super(`train: was stopped by its AbortSignal after step ${result.steps}.`)
    this.cause = reason
  }
}

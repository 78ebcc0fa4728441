import { AbortedError, LlftError } from '@llft/errors'
import type { TrainResult } from './result.js'

/** The loss or the norm of the gradients is not a finite number: `ERR_LLFT_NON_FINITE`. Nothing was saved. */
export class NonFiniteError extends LlftError {
  constructor(
    /** Step from 1 in which it happened. */
    readonly step: number,
    /** What the batch of that step holds, as `describeBatch` says. */
    readonly examples: readonly string[],
    readonly loss: number,
    readonly gradNorm: number,
  ) {
    const where = examples.length > 0 ? ` Examples of this step: ${examples.join('; ')}.` : ''
    super(
      'ERR_LLFT_NON_FINITE',
      `train: loss and gradient norm must be finite; got loss ${loss}, gradient norm ${gradNorm} in step ${step}.${where} ` +
        'Look for bad values in the weights and data, or lower the learning rate.',
    )
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

import type { LlftWarning } from '@llft/errors'

/** Loss on the held-out part, after a number of steps. */
export interface EvaluationRecord {
  /** Optimiser steps taken before it. */
  readonly step: number
  /** Mean cross entropy in nats per counted token. */
  readonly loss: number
  /** What callbacks measured besides. */
  readonly metrics?: Readonly<Record<string, number>> | undefined
}

/** A step from which nothing was learnt, as its loss or gradients were not finite. */
export interface SkippedStep {
  readonly step: number
  /** What its batches hold, as `describeBatch` says. */
  readonly examples: readonly string[]
}

/** What a run did. */
export interface TrainResult {
  /** Optimiser steps completed. */
  readonly steps: number
  /** Why the run ended before its last step: what early stopping or a callback said; undefined where it did not. */
  readonly stopReason: string | undefined
  /** For each step, the mean cross entropy in nats per counted token, before its update; NaN for some that were skipped. */
  readonly losses: readonly number[]
  readonly skipped: readonly SkippedStep[]
  readonly evalLosses: readonly EvaluationRecord[]
  /** Tokens that went through the model in training. */
  readonly tokens: number
  /** Those of them that the loss counted. */
  readonly trainedTokens: number
  /** Wall time of the run, evaluation included. */
  readonly seconds: number
  /** `tokens` over the wall time without evaluation. */
  readonly tokensPerSecond: number
  /** Largest native memory in use, in bytes, mapped files excluded. */
  readonly peakBytes: number
  /**
   * Largest resident memory of the process during the run, in bytes. Where the process held more before, the largest
   * value at the end of a step.
   */
  readonly peakResidentBytes: number
  /** What `onWarning` was told. */
  readonly warnings: readonly LlftWarning[]
}

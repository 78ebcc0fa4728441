import type { EvaluationRecord, TrainResult } from './result.js'

/** The run is about to take its first step. */
export interface StartEvent {
  readonly type: 'start'
  readonly totalSteps: number
  /** Elements of the parameters that train, and of all of them. */
  readonly trainableParameters: number
  readonly totalParameters: number
}

/** A step is done. */
export interface StepEvent {
  readonly type: 'step'
  /** From 1. */
  readonly step: number
  readonly totalSteps: number
  /** Passes over the data, as a fraction, at the end of the step. */
  readonly epoch: number
  /** Nats per counted token, before the update. */
  readonly loss: number
  /** Learning rate of the update. */
  readonly lr: number
  /** Euclidean norm of all gradients before clipping. */
  readonly gradNorm: number
  /** Tokens that went through the model in this step, and those that the loss counted. */
  readonly tokens: number
  readonly trainedTokens: number
  readonly tokensPerSecond: number
  /** Expected time to the end of the last step, in seconds. */
  readonly secondsLeft: number
  /** Native memory in use and its largest value so far, in bytes. */
  readonly bytesInUse: number
  readonly peakBytes: number
}

/** The held-out part was evaluated. */
export interface EvalEvent extends EvaluationRecord {
  readonly type: 'eval'
  readonly totalSteps: number
  /** Counted tokens. */
  readonly tokens: number
  readonly seconds: number
}

/** The last step is done. */
export interface EndEvent {
  readonly type: 'end'
  readonly result: TrainResult
}

/** What a run tells while it goes on; `type` tells them apart. */
export type TrainEvent = StartEvent | StepEvent | EvalEvent | EndEvent

import type { Verdict } from './loss-watch.js'
import type { EvaluationRecord, TrainResult } from './result.js'

/** The run is about to take its first step, or goes on. */
export interface StartEvent {
  readonly type: 'start'
  /** Steps that were done before: 0, or those of the checkpoint that the run goes on from. */
  readonly firstStep: number
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
  /** Whether loss or gradients were not finite, so that nothing was learnt from the step. */
  readonly skipped: boolean
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

/** A checkpoint is whole and on the disk. */
export interface CheckpointEvent {
  readonly type: 'checkpoint'
  /** Steps that it holds. */
  readonly step: number
  /** Absolute path. */
  readonly folder: string
  /** Whether its held-out loss is the lowest so far. */
  readonly isBest: boolean
  readonly bytes: number
  /** Time for which the run waited, and the time until the checkpoint was on the disk, in seconds. */
  readonly stallSeconds: number
  readonly seconds: number
}

/** The curve of the loss looks different than before. */
export interface VerdictEvent extends Verdict {
  readonly type: 'verdict'
  readonly step: number
}

/** The last step is done. */
export interface EndEvent {
  readonly type: 'end'
  readonly result: TrainResult
}

/** What a run tells while it goes on; `type` tells them apart. */
export type TrainEvent =
  | StartEvent
  | StepEvent
  | EvalEvent
  | CheckpointEvent
  | VerdictEvent
  | EndEvent

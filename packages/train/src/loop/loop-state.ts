import type { RandomState } from '@llft/runtime'
import type { Optimizer } from '../optimizers/optimizer.js'
import type { ParameterAverage } from '../optimizers/parameter-average.js'
import type { EvaluationRecord, SkippedStep } from './result.js'

/** A step as it is written down. */
export interface LogRecord {
  readonly step: number
  readonly epoch: number
  /** NaN for some that were skipped. */
  readonly loss: number
  readonly lr: number
  readonly gradNorm: number
}

/** Where a run stands between two steps, beside parameters and optimiser. */
export interface LoopState {
  /** Where dropout stands in its random numbers. */
  readonly random: RandomState
  readonly losses: readonly number[]
  /** Some steps of the run, evenly spaced, a thousand at most. */
  readonly log: readonly LogRecord[]
  readonly evalLosses: readonly EvaluationRecord[]
  readonly skipped: readonly SkippedStep[]
  /** Steps in a row without a finite figure that lead to here. */
  readonly strikes: number
  readonly tokens: number
  readonly trainedTokens: number
  /** Time in training and in evaluation so far. */
  readonly trainSeconds: number
  readonly evalSeconds: number
}

/** Where a run goes on. */
export interface ResumePoint {
  readonly state: LoopState
  /** Brings back what the optimiser had, and the averages, where the run has them. */
  restore(optimizer: Optimizer, average: ParameterAverage | undefined): Promise<void>
}

/** Who writes checkpoints. */
export interface Checkpointer {
  /** Whether one is due by the number of steps that are done, or by the time. */
  isDue(step: number): boolean
  /**
   * Takes what is on the device; the loop goes on when the promise settles, the files are written after that. Never
   * rejects for what the disk says: that is a warning.
   */
  save(state: LoopState, optimizer: Optimizer, average: ParameterAverage | undefined): Promise<void>
}

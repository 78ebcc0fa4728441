import type { Warnings } from '@llft/errors'
import { memoryStats } from '@llft/runtime'
import type { StepEvent } from './events.js'
import { ResidentPeak } from './resident-peak.js'
import type { EvaluationRecord, TrainResult } from './result.js'
import type { LaunchedStep, StepFigures } from './step.js'

/** A step of which the figures have arrived. */
export interface CompletedStep extends StepFigures, Pick<LaunchedStep, 'tokens' | 'trainedTokens'> {
  readonly epoch: number
  readonly lr: number
}

/** Counts and clocks of a run. */
export class Progress {
  readonly #started = performance.now()
  readonly #resident = new ResidentPeak()
  readonly #losses: number[] = []
  readonly #evalLosses: EvaluationRecord[] = []
  #tokens = 0
  #trainedTokens = 0
  #evalSeconds = 0
  #lastStepAt = this.#started

  constructor(
    readonly totalSteps: number,
    private readonly warnings: Warnings,
  ) {}

  get steps(): number {
    return this.#losses.length
  }

  get losses(): readonly number[] {
    return this.#losses
  }

  get evalLosses(): readonly EvaluationRecord[] {
    return this.#evalLosses
  }

  /** Notes a step and describes it. */
  step(done: CompletedStep): StepEvent {
    const now = performance.now()
    const seconds = (now - this.#lastStepAt) / 1000
    this.#lastStepAt = now
    this.#losses.push(done.loss)
    this.#resident.sample()
    this.#tokens += done.tokens
    this.#trainedTokens += done.trainedTokens
    const perStep = this.trainSeconds() / this.steps
    const { bytesInUse, peakBytes } = memoryStats()
    return {
      type: 'step',
      step: this.steps,
      totalSteps: this.totalSteps,
      ...done,
      tokensPerSecond: done.tokens / Math.max(seconds, 1e-9),
      secondsLeft: perStep * (this.totalSteps - this.steps),
      bytesInUse,
      peakBytes,
    }
  }

  /** Notes an evaluation that took `seconds`. */
  evaluation(record: EvaluationRecord, seconds: number): void {
    this.#evalLosses.push(record)
    this.#evalSeconds += seconds
    this.#lastStepAt = performance.now()
  }

  result(): TrainResult {
    const trainSeconds = this.trainSeconds()
    return {
      steps: this.steps,
      losses: [...this.#losses],
      evalLosses: [...this.#evalLosses],
      tokens: this.#tokens,
      trainedTokens: this.#trainedTokens,
      seconds: trainSeconds + this.#evalSeconds,
      tokensPerSecond: this.#tokens / Math.max(trainSeconds, 1e-9),
      peakBytes: memoryStats().peakBytes,
      peakResidentBytes: this.#resident.bytes,
      warnings: this.warnings.list,
    }
  }

  private trainSeconds(): number {
    return (performance.now() - this.#started) / 1000 - this.#evalSeconds
  }
}

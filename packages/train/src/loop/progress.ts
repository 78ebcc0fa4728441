import type { Warnings } from '@llft/errors'
import { memoryStats, type RandomState } from '@llft/runtime'
import type { StepEvent } from './events.js'
import type { LogRecord, LoopState } from './loop-state.js'
import { ResidentPeak } from './resident-peak.js'
import type { EvaluationRecord, SkippedStep, TrainResult } from './result.js'
import type { LaunchedStep, StepFigures } from './step.js'

/** A step of which the figures have arrived. */
export interface CompletedStep extends StepFigures, Pick<LaunchedStep, 'tokens' | 'trainedTokens'> {
  readonly epoch: number
  readonly lr: number
}

/** Most steps that are written down for trainer_state.json. */
const MOST_RECORDS = 1000

/** Counts and clocks of a run, which may go on from an earlier part of it. */
export class Progress {
  readonly #started = performance.now()
  readonly #resident = new ResidentPeak()
  readonly #losses: number[]
  readonly #log: LogRecord[]
  readonly #evalLosses: EvaluationRecord[]
  readonly #skipped: SkippedStep[]
  readonly #secondsBefore: number
  #stepsNow = 0
  #tokens: number
  #trainedTokens: number
  readonly #evalSecondsBefore: number
  #evalSeconds = 0
  #strikes: number
  #lastStepAt = this.#started

  constructor(
    readonly totalSteps: number,
    private readonly warnings: Warnings,
    before?: LoopState,
  ) {
    this.#losses = [...(before?.losses ?? [])]
    this.#log = [...(before?.log ?? [])]
    this.#evalLosses = [...(before?.evalLosses ?? [])]
    this.#skipped = [...(before?.skipped ?? [])]
    this.#tokens = before?.tokens ?? 0
    this.#trainedTokens = before?.trainedTokens ?? 0
    this.#secondsBefore = before?.trainSeconds ?? 0
    this.#evalSecondsBefore = before?.evalSeconds ?? 0
    this.#strikes = before?.strikes ?? 0
  }

  get steps(): number {
    return this.#losses.length
  }

  get losses(): readonly number[] {
    return this.#losses
  }

  get evalLosses(): readonly EvaluationRecord[] {
    return this.#evalLosses
  }

  /** Steps in a row that were skipped, up to now. */
  get strikes(): number {
    return this.#strikes
  }

  /** Notes a step and describes it; one that was `skipped` taught nothing. */
  step(done: CompletedStep, skipped?: SkippedStep): StepEvent {
    const now = performance.now()
    const seconds = (now - this.#lastStepAt) / 1000
    this.#lastStepAt = now
    this.#stepsNow++
    this.#losses.push(done.loss)
    this.#strikes = skipped === undefined ? 0 : this.#strikes + 1
    if (skipped !== undefined) this.#skipped.push(skipped)
    this.note(done)
    this.#resident.sample()
    this.#tokens += done.tokens
    this.#trainedTokens += done.trainedTokens
    const perStep = this.secondsNow() / this.#stepsNow
    const { bytesInUse, peakBytes } = memoryStats()
    return {
      type: 'step',
      step: this.steps,
      totalSteps: this.totalSteps,
      ...done,
      skipped: skipped !== undefined,
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

  /** Where the run stands, with `random` numbers. */
  state(random: RandomState): LoopState {
    return {
      random,
      losses: [...this.#losses],
      log: [...this.#log],
      evalLosses: [...this.#evalLosses],
      skipped: [...this.#skipped],
      strikes: this.#strikes,
      tokens: this.#tokens,
      trainedTokens: this.#trainedTokens,
      trainSeconds: this.trainSeconds(),
      evalSeconds: this.evalSeconds(),
    }
  }

  result(stopReason?: string): TrainResult {
    const trainSeconds = this.trainSeconds()
    return {
      steps: this.steps,
      stopReason,
      losses: [...this.#losses],
      skipped: [...this.#skipped],
      evalLosses: [...this.#evalLosses],
      tokens: this.#tokens,
      trainedTokens: this.#trainedTokens,
      seconds: trainSeconds + this.evalSeconds(),
      tokensPerSecond: this.#tokens / Math.max(trainSeconds, 1e-9),
      peakBytes: memoryStats().peakBytes,
      peakResidentBytes: this.#resident.bytes,
      warnings: this.warnings.list,
    }
  }

  private note({ epoch, loss, lr, gradNorm }: CompletedStep): void {
    const interval = Math.ceil(this.totalSteps / MOST_RECORDS)
    if (this.steps % interval !== 0) return
    this.#log.push({ step: this.steps, epoch, loss, lr, gradNorm })
  }

  private trainSeconds(): number {
    return this.#secondsBefore + this.secondsNow()
  }

  private evalSeconds(): number {
    return this.#evalSecondsBefore + this.#evalSeconds
  }

  /** Of this process, without evaluations. */
  private secondsNow(): number {
    return (performance.now() - this.#started) / 1000 - this.#evalSeconds
  }
}

import { DataError, type Warnings } from '@llft/errors'
import { readSumSquares, type TokenBatch } from '@llft/runtime'
import type { Optimizer } from '../optimizers/optimizer.js'
import type { ParameterAverage } from '../optimizers/parameter-average.js'
import { elementCount, parameterCount } from '../optimizers/parameters.js'
import type { Schedule } from '../optimizers/schedule.js'
import { reasonToStop } from './early-stopping.js'
import { NonFiniteError, TrainingAbortedError } from './errors.js'
import { evaluate } from './evaluate.js'
import type { TrainEvent } from './events.js'
import type { LoopSurroundings } from './loop-surroundings.js'
import { lossOptionsOf } from './loss-options.js'
import { judgeLoss, type VerdictKind } from './loss-watch.js'
import { Progress } from './progress.js'
import type { TrainResult } from './result.js'
import { warnOfDivergence, warnOfNoCheckpoints, warnOfSkippedStep } from './run-warnings.js'
import { type LaunchedStep, type PassObserver, StepLauncher } from './step.js'
import type { StepPlan } from './step-plan.js'
import { type StepWindow, stepWindows } from './step-windows.js'
import type { TrainOptions } from './train-options.js'

/** Steps between two looks at the curve of the loss. */
const JUDGE_STEPS = 10

/** A step on the device, with what the host knows of it. */
interface Pending<B> {
  readonly launched: LaunchedStep
  readonly window: StepWindow<B>
  readonly lr: number
}

interface LoopParts extends LoopSurroundings {
  readonly plan: StepPlan
  readonly rate: Schedule
  readonly optimizer: Optimizer
  readonly average: ParameterAverage | undefined
  readonly warnings: Warnings
  readonly tell: (event: TrainEvent) => void
}

/** One run of the loop. */
export class TrainingLoop<B extends TokenBatch> {
  readonly #progress: Progress
  readonly #launcher: StepLauncher<B>
  readonly #maxSkipped: number
  #verdict: VerdictKind | undefined

  constructor(
    private readonly options: TrainOptions<B>,
    private readonly parts: LoopParts,
  ) {
    const { model, maxGradNorm = 1, seed = 42, maxSkippedSteps = 3 } = options
    const { plan, optimizer, warnings, resumeFrom } = parts
    this.#maxSkipped = maxSkippedSteps
    this.#progress = new Progress(plan.totalSteps, warnings, resumeFrom?.state)
    this.#launcher = new StepLauncher(model, optimizer, {
      maxGradNorm,
      random: resumeFrom?.state.random ?? { seed, offset: 0 },
      lossOptions: lossOptionsOf(model, options),
      endsAtNonFinite: maxSkippedSteps === 1,
    })
  }

  async execute(): Promise<TrainResult> {
    await this.announce()
    try {
      await this.takeSteps()
    } finally {
      this.#launcher.dispose()
      // What was trained is saved as its average, however the run ends.
      this.parts.average?.adopt()
    }
    const { control, plan } = this.parts
    if (this.#progress.steps < plan.totalSteps) this.stopIfAborted()
    this.requireSteps()
    await this.requireFiniteParameters()
    const { losses, evalLosses, steps } = this.#progress
    warnOfDivergence(this.parts.warnings, losses, evalLosses)
    const isEarly = steps < plan.totalSteps
    const result = this.#progress.result(isEarly ? control.stopReason : undefined)
    await this.tell({ type: 'end', result })
    return this.#progress.result(result.stopReason)
  }

  private async tell(event: TrainEvent): Promise<void> {
    this.parts.tell(event)
    await this.parts.callbacks.tell(event)
  }

  private announce(): Promise<void> {
    return this.tell({
      type: 'start',
      firstStep: this.#progress.steps,
      totalSteps: this.parts.plan.totalSteps,
      trainableParameters: elementCount(this.parts.optimizer.parameters),
      totalParameters: parameterCount(this.options.model),
    })
  }

  /** A generator of batches may end early; one that gives nothing would pass for a run that learnt. */
  private requireSteps(): void {
    if (this.#progress.steps > 0 || this.parts.control.stopReason !== undefined) return
    throw new DataError(
      `train: batches must give at least one batch an epoch; got none, where batchesPerEpoch is ${this.options.batchesPerEpoch}.`,
    )
  }

  /** The last update has no later step that would notice what it did. */
  private async requireFiniteParameters(): Promise<void> {
    const tensors = this.parts.optimizer.parameters.map(({ tensor }) => tensor)
    const sum = await readSumSquares(tensors)
    if (Number.isFinite(sum)) return
    const figures = { 'sum of squares of the parameters': sum }
    const step = this.#progress.steps
    throw new NonFiniteError({ step, figures }, this.#progress.result())
  }

  private async takeSteps(): Promise<void> {
    const { control, plan } = this.parts
    const { batches, gradientAccumulation = 1, signal } = this.options
    let step = this.#progress.steps
    let pending: Pending<B> | undefined
    const windows = stepWindows({ batches, gradientAccumulation, firstStep: step, ...plan })
    if (control.isWanted || this.evaluationIsDue(step)) await this.rest()
    if (control.stopReason !== undefined) return
    for await (const window of windows) {
      const launched = await this.launch(window, step)
      await this.settle(pending)
      pending = launched
      if (launched === undefined) break
      step++
      // After a step that was skipped the next one is waited for: it may be the last.
      if (!this.restIsDue(step) && this.#progress.strikes === 0) continue
      await this.settle(pending)
      pending = undefined
      await this.rest()
      if (control.stopReason !== undefined || signal?.aborted) break
    }
    await this.settle(pending)
    if (signal?.aborted) await this.saveCheckpoint()
  }

  private async launch(window: StepWindow<B>, step: number): Promise<Pending<B> | undefined> {
    const { learningRate, signal } = this.options
    const { callbacks, plan, rate } = this.parts
    const lr = learningRate * rate(step)
    await callbacks.call('beforeStep', { step: step + 1, totalSteps: plan.totalSteps, lr })
    const observer = this.observerOf(window, step + 1)
    const launched = await this.#launcher.launch(window.batches, lr, { signal, observer })
    if (launched !== undefined) this.parts.average?.update()
    return launched && { launched, window, lr }
  }

  private observerOf({ batches }: StepWindow<B>, step: number): PassObserver | undefined {
    const { callbacks } = this.parts
    if (!callbacks.has('beforeMicroBatch') && !callbacks.has('afterMicroBatch')) return undefined
    const place = (index: number) => {
      const tokens = batches[index]?.ids.length ?? 0
      return { step, index, count: batches.length, tokens }
    }
    return {
      before: (index) => callbacks.call('beforeMicroBatch', place(index)),
      after: (index) => callbacks.call('afterMicroBatch', place(index)),
    }
  }

  /** Waits for a step and tells of it; one whose figures are no numbers was skipped, and may end the run. */
  private async settle(pending: Pending<B> | undefined): Promise<void> {
    if (pending === undefined) return
    const { launched, window, lr } = pending
    const { tokens, trainedTokens } = launched
    const { epoch } = window
    const { loss, gradNorm } = await launched.figures
    const wasTaken = Number.isFinite(loss) && Number.isFinite(gradNorm)
    const skipped = wasTaken ? undefined : this.skip(window, { loss, 'gradient norm': gradNorm })
    const done = { loss, gradNorm, lr, epoch, tokens, trainedTokens }
    await this.tell(this.#progress.step(done, skipped))
    await this.judge()
    await this.parts.control.drain()
  }

  /** @throws NonFiniteError where it is one too many. */
  private skip({ batches }: StepWindow<B>, figures: Record<string, number>) {
    const { describeBatch } = this.options
    const examples = describeBatch ? batches.map(describeBatch) : []
    const step = this.#progress.steps + 1
    if (this.#progress.strikes + 1 >= this.#maxSkipped) {
      throw new NonFiniteError({ step, examples, figures }, this.#progress.result())
    }
    const skipped = { step, examples }
    warnOfSkippedStep(this.parts.warnings, skipped, figures)
    return skipped
  }

  private async judge(): Promise<void> {
    const { losses, evalLosses, steps, totalSteps } = this.#progress
    if (steps % Math.max(JUDGE_STEPS, Math.ceil(totalSteps / 200)) !== 0) return
    const { learningRate } = this.options
    const verdict = judgeLoss({ losses, evalLosses, totalSteps, learningRate })
    if (verdict === undefined || verdict.kind === this.#verdict) return
    this.#verdict = verdict.kind
    await this.tell({ type: 'verdict', step: steps, ...verdict })
  }

  /** Whether something is to be done for which no step may be in flight. */
  private restIsDue(step: number): boolean {
    const { checkpointer } = this.parts
    return this.evaluationIsDue(step) || this.parts.control.isWanted || !!checkpointer?.isDue(step)
  }

  /** What is done between two steps. */
  private async rest(): Promise<void> {
    const { control, checkpointer } = this.parts
    const { steps } = this.#progress
    const { earlyStopping, signal } = this.options
    if (control.takeEvaluation() || this.evaluationIsDue(steps)) {
      await this.evaluateNow()
      const { evalLosses } = this.#progress
      const reason = earlyStopping && reasonToStop(evalLosses, earlyStopping)
      if (reason !== undefined && steps < this.parts.plan.totalSteps) control.stop(reason)
    }
    const isStopping = control.stopReason !== undefined
    const isAsked = control.takeCheckpoint()
    if (isAsked && checkpointer === undefined) warnOfNoCheckpoints(this.parts.warnings)
    if (isAsked || isStopping || checkpointer?.isDue(steps)) await this.saveCheckpoint()
    await control.waitWhilePaused(signal)
  }

  private async saveCheckpoint(): Promise<void> {
    const { checkpointer } = this.parts
    if (checkpointer === undefined || this.#progress.steps === 0) return
    await this.parts.callbacks.call('beforeCheckpoint', { step: this.#progress.steps })
    const { optimizer, average } = this.parts
    await checkpointer.save(this.#progress.state(this.#launcher.random), optimizer, average)
  }

  /** Before the first step, after the last one, and as often as is asked for; once at each place. */
  private evaluationIsDue(step: number): boolean {
    const { evalBatches, evalEvery = Number.POSITIVE_INFINITY } = this.options
    const isEdge = step === 0 || step === this.parts.plan.totalSteps
    const isDone = this.#progress.evalLosses.at(-1)?.step === step
    return evalBatches !== undefined && !isDone && (isEdge || step % evalEvery === 0)
  }

  private async evaluateNow(): Promise<void> {
    const { evalBatches, model, signal } = this.options
    if (evalBatches === undefined) return
    const step = this.#progress.steps
    await this.parts.callbacks.call('beforeEvaluation', { step })
    const started = performance.now()
    const { loss, tokens } = await this.averaged(() => evaluate(model, evalBatches(), signal))
    // It is taken when the run goes on.
    if (signal?.aborted) return
    if (tokens > 0 && !Number.isFinite(loss)) {
      throw new NonFiniteError(
        { step, figures: { 'held-out loss': loss } },
        this.#progress.result(),
      )
    }
    const metrics = await this.averaged(() => this.parts.callbacks.measure(step))
    const seconds = (performance.now() - started) / 1000
    const record = { step, loss, ...(Object.keys(metrics).length > 0 && { metrics }) }
    this.#progress.evaluation(record, seconds)
    const { totalSteps } = this.parts.plan
    await this.tell({ type: 'eval', ...record, totalSteps, tokens, seconds })
  }

  /** Does something with the averages in the place of the parameters, where the run has them. */
  private async averaged<T>(work: () => Promise<T>): Promise<T> {
    const putBack = this.parts.average?.swap()
    try {
      return await work()
    } finally {
      putBack?.()
    }
  }

  private stopIfAborted(): void {
    const { signal } = this.options
    if (signal?.aborted) throw new TrainingAbortedError(this.#progress.result(), signal.reason)
  }
}

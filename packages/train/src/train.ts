import { ConfigError, DataError, guardHandler, Warnings } from '@llft/errors'
import { type Module, readSumSquares, type TokenBatch } from '@llft/runtime'
import { createOptimizer, type OptimizerName } from './create-optimizer.js'
import { NonFiniteError, TrainingAbortedError } from './errors.js'
import { evaluate } from './evaluate.js'
import type { TrainEvent } from './events.js'
import { Optimizer } from './optimizer.js'
import { decayGroups, elementCount, parameterCount, trainableParameters } from './parameters.js'
import { Progress } from './progress.js'
import type { TrainResult } from './result.js'
import { warnOfDivergence, warnOfIdleOptions } from './run-warnings.js'
import { createSchedule, type Schedule, warmupStepsOf } from './schedule.js'
import { type LaunchedStep, StepLauncher } from './step.js'
import { planSteps, type StepPlan } from './step-plan.js'
import { type StepWindow, stepWindows } from './step-windows.js'
import { checkTrainOptions, type TrainOptions } from './train-options.js'
import { claimForTraining } from './training-claim.js'

/**
 * Trains the parameters of `model` that require a gradient.
 *
 * The loss of a step is the sum of the cross entropies over the number of counted tokens of all its micro-batches, so
 * k micro-batches of one row count like one batch of k rows. At most two steps are in flight: the figures of a step
 * are read while the next is enqueued. Optimiser state and gradients are freed in the end, however it ends.
 *
 * @throws NonFiniteError if a loss, gradient norm or parameter is not finite, TrainingAbortedError with the result so
 *   far, ConfigError for options out of range, a model without trainable parameters or one that another run trains,
 *   DataError if `batches` gives none.
 */
export async function train<B extends TokenBatch>(options: TrainOptions<B>): Promise<TrainResult> {
  checkTrainOptions(options)
  const { batchesPerEpoch, gradientAccumulation, epochs, maxSteps } = options
  const plan = planSteps({ batchesPerEpoch, gradientAccumulation, epochs, maxSteps })
  const { totalSteps } = plan
  const { schedule, warmupSteps, warmupRatio } = options
  const scheduleOptions = { totalSteps, schedule, warmupSteps, warmupRatio }
  const rate = createSchedule(scheduleOptions)
  const warnings = new Warnings(options.onWarning)
  warnOfIdleOptions(warnings, options, { warmup: warmupStepsOf(scheduleOptions), totalSteps })
  const { model, weightDecay, optimizer: wanted = 'adamw' } = options
  const release = claimForTraining(model)
  try {
    const optimizer =
      wanted instanceof Optimizer ? wanted : newOptimizer(wanted, model, weightDecay)
    try {
      return await new Run(options, { plan, rate, optimizer, warnings }).execute()
    } finally {
      if (optimizer !== wanted) optimizer.dispose()
    }
  } finally {
    release()
  }
}

function newOptimizer(name: OptimizerName, model: Module, weightDecay = 0): Optimizer {
  const parameters = trainableParameters(model)
  if (parameters.length === 0) {
    throw new ConfigError(
      'train: the model must have trainable parameters; got none. Inject adapters or call trainAllParameters first.',
    )
  }
  return createOptimizer(name, decayGroups(parameters, weightDecay))
}

/** A step on the device, with what the host knows of it. */
interface Pending<B> {
  readonly launched: LaunchedStep
  readonly window: StepWindow<B>
  readonly lr: number
}

interface RunParts {
  readonly plan: StepPlan
  readonly rate: Schedule
  readonly optimizer: Optimizer
  readonly warnings: Warnings
}

/** One run of the loop. */
class Run<B extends TokenBatch> {
  readonly #progress: Progress
  readonly #launcher: StepLauncher<B>
  readonly #tell: (event: TrainEvent) => void

  constructor(
    private readonly options: TrainOptions<B>,
    private readonly parts: RunParts,
  ) {
    const { model, maxGradNorm = 1, seed = 42, onEvent } = options
    const { plan, optimizer, warnings } = parts
    this.#progress = new Progress(plan.totalSteps, warnings)
    this.#launcher = new StepLauncher(model, optimizer, maxGradNorm, seed)
    this.#tell = guardHandler(onEvent, warnings)
  }

  async execute(): Promise<TrainResult> {
    this.announce()
    await this.evaluateNow()
    try {
      await this.takeSteps()
    } finally {
      this.#launcher.dispose()
    }
    const { totalSteps } = this.parts.plan
    if (this.#progress.steps < totalSteps) this.stopIfAborted()
    this.requireSteps()
    await this.requireFiniteParameters()
    const { losses, evalLosses } = this.#progress
    warnOfDivergence(this.parts.warnings, losses, evalLosses)
    const result = this.#progress.result()
    this.#tell({ type: 'end', result })
    return this.#progress.result()
  }

  private announce(): void {
    this.#tell({
      type: 'start',
      totalSteps: this.parts.plan.totalSteps,
      trainableParameters: elementCount(this.parts.optimizer.parameters),
      totalParameters: parameterCount(this.options.model),
    })
  }

  /** A generator of batches may end early; one that gives nothing would pass for a run that learnt. */
  private requireSteps(): void {
    if (this.#progress.steps > 0) return
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
    const { batches, gradientAccumulation = 1, learningRate, signal } = this.options
    let pending: Pending<B> | undefined
    let step = 0
    for await (const window of stepWindows({
      batches,
      gradientAccumulation,
      ...this.parts.plan,
    })) {
      const lr = learningRate * this.parts.rate(step)
      const launched = await this.#launcher.launch(window.batches, lr, signal)
      await this.settle(pending)
      pending = launched && { launched, window, lr }
      if (launched === undefined) break
      step++
      if (!this.evaluationIsDue(step)) continue
      await this.settle(pending)
      pending = undefined
      await this.evaluateNow()
    }
    await this.settle(pending)
  }

  /** Waits for a step, tells of it, and stops the run if its figures are no numbers. */
  private async settle(pending: Pending<B> | undefined): Promise<void> {
    if (pending === undefined) return
    const { launched, window, lr } = pending
    const { tokens, trainedTokens } = launched
    const { loss, gradNorm } = await launched.figures
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      const { describeBatch } = this.options
      const examples = describeBatch ? window.batches.map(describeBatch) : []
      const figures = { loss, 'gradient norm': gradNorm }
      const step = this.#progress.steps + 1
      throw new NonFiniteError({ step, examples, figures }, this.#progress.result())
    }
    const { epoch } = window
    this.#tell(this.#progress.step({ loss, gradNorm, lr, epoch, tokens, trainedTokens }))
  }

  private evaluationIsDue(step: number): boolean {
    const { evalEvery } = this.options
    return (
      step === this.parts.plan.totalSteps || (evalEvery !== undefined && step % evalEvery === 0)
    )
  }

  private async evaluateNow(): Promise<void> {
    const { evalBatches, model, signal } = this.options
    if (evalBatches === undefined) return
    const started = performance.now()
    const { loss, tokens } = await evaluate(model, evalBatches(), signal)
    this.stopIfAborted()
    const seconds = (performance.now() - started) / 1000
    const record = { step: this.#progress.steps, loss }
    if (tokens > 0 && !Number.isFinite(loss)) {
      const { step } = record
      throw new NonFiniteError(
        { step, figures: { 'held-out loss': loss } },
        this.#progress.result(),
      )
    }
    this.#progress.evaluation(record, seconds)
    const { totalSteps } = this.parts.plan
    this.#tell({ type: 'eval', ...record, totalSteps, tokens, seconds })
  }

  private stopIfAborted(): void {
    const { signal } = this.options
    if (signal?.aborted) throw new TrainingAbortedError(this.#progress.result(), signal.reason)
  }
}

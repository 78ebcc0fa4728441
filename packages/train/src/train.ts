import { ConfigError } from '@llft/errors'
import type { Module, TokenBatch } from '@llft/runtime'
import { createOptimizer, type OptimizerName } from './create-optimizer.js'
import { NonFiniteError, TrainingAbortedError } from './errors.js'
import { evaluate } from './evaluate.js'
import { Optimizer } from './optimizer.js'
import { decayGroups, elementCount, parameterCount, trainableParameters } from './parameters.js'
import { Progress } from './progress.js'
import type { TrainResult } from './result.js'
import { createSchedule, type Schedule } from './schedule.js'
import { type LaunchedStep, StepLauncher } from './step.js'
import { planSteps, type StepPlan } from './step-plan.js'
import { type StepWindow, stepWindows } from './step-windows.js'
import { checkTrainOptions, type TrainOptions } from './train-options.js'

/**
 * Trains the parameters of `model` that require a gradient.
 *
 * The loss of a step is the sum of the cross entropies over the number of counted tokens of all its micro-batches, so
 * k micro-batches of one row count like one batch of k rows. At most two steps are in flight: the figures of a step
 * are read while the next is enqueued. Optimiser state and gradients are freed in the end, however it ends.
 *
 * @throws NonFiniteError if a loss or gradient norm is not finite, TrainingAbortedError with the result so far,
 *   ConfigError for options out of range or a model without trainable parameters.
 */
export async function train<B extends TokenBatch>(options: TrainOptions<B>): Promise<TrainResult> {
  checkTrainOptions(options)
  const { batchesPerEpoch, gradientAccumulation, epochs, maxSteps } = options
  const plan = planSteps({ batchesPerEpoch, gradientAccumulation, epochs, maxSteps })
  const { totalSteps } = plan
  const { schedule, warmupSteps, warmupRatio } = options
  const rate = createSchedule({ totalSteps, schedule, warmupSteps, warmupRatio })
  const { model, weightDecay, optimizer: wanted = 'adamw' } = options
  const optimizer = wanted instanceof Optimizer ? wanted : newOptimizer(wanted, model, weightDecay)
  try {
    return await new Run(options, plan, rate, optimizer).execute()
  } finally {
    if (optimizer !== wanted) optimizer.dispose()
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

/** One run of the loop. */
class Run<B extends TokenBatch> {
  readonly #progress: Progress
  readonly #launcher: StepLauncher<B>

  constructor(
    private readonly options: TrainOptions<B>,
    private readonly plan: StepPlan,
    private readonly rate: Schedule,
    private readonly optimizer: Optimizer,
  ) {
    const { model, maxGradNorm = 1, seed = 42 } = options
    this.#progress = new Progress(plan.totalSteps)
    this.#launcher = new StepLauncher(model, optimizer, maxGradNorm, seed)
  }

  async execute(): Promise<TrainResult> {
    this.announce()
    await this.evaluateNow()
    await this.takeSteps()
    if (this.#progress.steps < this.plan.totalSteps) this.stopIfAborted()
    const result = this.#progress.result()
    this.options.onEvent?.({ type: 'end', result })
    return result
  }

  private announce(): void {
    this.options.onEvent?.({
      type: 'start',
      totalSteps: this.plan.totalSteps,
      trainableParameters: elementCount(this.optimizer.parameters),
      totalParameters: parameterCount(this.options.model),
    })
  }

  private async takeSteps(): Promise<void> {
    const { batches, gradientAccumulation = 1, learningRate, signal } = this.options
    let pending: Pending<B> | undefined
    let step = 0
    for await (const window of stepWindows({ batches, gradientAccumulation, ...this.plan })) {
      const lr = learningRate * this.rate(step)
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
      throw new NonFiniteError(this.#progress.steps + 1, examples, loss, gradNorm)
    }
    const { epoch } = window
    const event = this.#progress.step({ loss, gradNorm, lr, epoch, tokens, trainedTokens })
    this.options.onEvent?.(event)
  }

  private evaluationIsDue(step: number): boolean {
    const { evalEvery } = this.options
    return step === this.plan.totalSteps || (evalEvery !== undefined && step % evalEvery === 0)
  }

  private async evaluateNow(): Promise<void> {
    const { evalBatches, model, signal, onEvent } = this.options
    if (evalBatches === undefined) return
    const started = performance.now()
    const { loss, tokens } = await evaluate(model, evalBatches(), signal)
    this.stopIfAborted()
    const seconds = (performance.now() - started) / 1000
    const record = { step: this.#progress.steps, loss }
    this.#progress.evaluation(record, seconds)
    onEvent?.({ type: 'eval', ...record, totalSteps: this.plan.totalSteps, tokens, seconds })
  }

  private stopIfAborted(): void {
    const { signal } = this.options
    if (signal?.aborted) throw new TrainingAbortedError(this.#progress.result(), signal.reason)
  }
}

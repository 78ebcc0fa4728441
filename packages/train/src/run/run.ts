import { resolve } from 'node:path'
import { type Batch, type DataReport, sourceName } from '@llft/data'
import { ConfigError, type Warnings } from '@llft/errors'
import { describeQuantization } from '@llft/quant'
import {
  type CausalLM,
  type DecoderConfig,
  type DType,
  deviceInfo,
  loadModel,
  readConfig,
  readSumSquares,
  requireModelFolder,
  resetPeakMemory,
  trimMemory,
} from '@llft/runtime'
import type { OutputFolder } from '@llft/safetensors'
import { Tokenizer } from '@llft/tokenizer'
import type { RunIdentity } from '../checkpoints/fingerprints.js'
import { TrainingAbortedError } from '../loop/errors.js'
import type { TrainResult } from '../loop/result.js'
import { takeSteps } from '../loop/train.js'
import { claimForTraining } from '../loop/training-claim.js'
import { memoryLimit } from '../memory/memory-limit.js'
import type { MemoryEstimate } from '../memory/memory-plan.js'
import { planOfRun } from '../memory/plan-run.js'
import { requireMemory } from '../memory/require-memory.js'
import { elementCount, parameterCount, trainableParameters } from '../optimizers/parameters.js'
import { type BaseModel, baseModelOf } from './base-model.js'
import { type PreparedData, prepareData, resolveMaxLength } from './prepare-data.js'
import { rescueResult } from './rescue.js'
import { Checkpoints } from './run-checkpoints.js'
import { RunAbortedError, RunSaveError } from './run-errors.js'
import type { RunEvent } from './run-events.js'
import { identityOf } from './run-identity.js'
import type { ResolvedRunOptions } from './run-options.js'
import type { RunSurroundings } from './run-surroundings.js'
import { flopsPerToken } from './training-cost.js'
import { warnOfData } from './warn-of-data.js'

/** What a run did. */
export interface RunResult extends TrainResult {
  /** Absolute path of the folder with the result. */
  readonly folder: string
  readonly method: string
  readonly trainableParameters: number
  readonly totalParameters: number
  /** Type of weights and activations. */
  readonly dtype: DType
  /** What became of the rows. */
  readonly data: DataReport
  readonly evalData: DataReport | undefined
}

/** One run with checked options and a folder that waits for its result. */
export class Run {
  /** Steps of which the figures were told. */
  #steps = 0
  readonly #losses: number[] = []
  readonly #evalLosses: number[] = []
  readonly #folder: string

  constructor(
    private readonly options: ResolvedRunOptions,
    private readonly output: OutputFolder,
    private readonly surroundings: RunSurroundings,
  ) {
    this.#folder = resolve(options.output)
  }

  async execute(): Promise<RunResult> {
    const { model: given, signal } = this.options
    const config = await this.config()
    const tokenizer = await this.tokenizer()
    const data = await prepareData(this.options, tokenizer, config)
    this.warnOfData(data, tokenizer, config)
    signal?.throwIfAborted()
    const base = await baseModelOf(this.options)
    const plan = await planOfRun(this.options, base, data)
    const estimate = requireMemory(plan, this.options.memoryLimit ?? memoryLimit(), this.options)
    resetPeakMemory()
    const model = typeof given === 'string' ? await loadModel(given, base.load) : given
    let isKept = false
    try {
      signal?.throwIfAborted()
      return await this.withAdaptation(model, { tokenizer, base, data, estimate })
    } catch (error) {
      isKept = error instanceof RunSaveError && error.model !== undefined
      throw error
    } finally {
      if (model !== given && !isKept) model.dispose()
      trimMemory()
    }
  }

  private async withAdaptation(model: CausalLM, parts: RunParts): Promise<RunResult> {
    const { adaptation, where, checkpointing } = this.options
    const release = claimForTraining(model, where)
    this.surroundings.control.setModel(model)
    const before = model.gradientCheckpointing
    const wasAttached = adaptation.isAttached(model)
    try {
      if (!wasAttached) adaptation.attach(model, this.warnings)
      model.gradientCheckpointing = checkpointing ?? parts.base.quantized
      return await this.trainAndSave(model, parts)
    } catch (error) {
      // What could not be saved must not be thrown away with the message that says so.
      const isKept = wasAttached || error instanceof RunSaveError
      if (!isKept && adaptation.isAttached(model)) adaptation.detach(model)
      throw error
    } finally {
      model.gradientCheckpointing = before
      release()
    }
  }

  private async trainAndSave(model: CausalLM, parts: RunParts): Promise<RunResult> {
    const { data, tokenizer } = parts
    const identity = await identityOf(this.options, { model, tokenizer, data })
    const counts = countsOf(model)
    await this.announce(model, parts, { ...counts, ...identity })
    const result = await this.train(model, data, identity)
    await this.save(model, data)
    return {
      ...result,
      folder: this.#folder,
      method: this.options.adaptation.method,
      ...counts,
      dtype: model.dtype,
      data: data.report,
      evalData: data.evalReport,
      warnings: this.warnings.list,
    }
  }

  private get warnings(): Warnings {
    return this.surroundings.warnings
  }

  private async tell(event: RunEvent): Promise<void> {
    this.surroundings.tell(event)
    await this.surroundings.callbacks.tell(event)
  }

  private announce(
    model: CausalLM,
    { base: { quantization }, data, estimate }: RunParts,
    facts: ReturnType<typeof countsOf> & RunIdentity,
  ): Promise<void> {
    const { isa, threads } = deviceInfo()
    const { adaptation } = this.options
    return this.tell({
      type: 'ready',
      model: this.baseName() ?? `a ${model.config.modelType} model`,
      method: adaptation.method,
      adaptation: adaptation.describe(model),
      data: data.report,
      evalData: data.evalReport,
      dtype: model.dtype,
      quantization: quantization && describeQuantization(quantization),
      isa,
      threads,
      flopsPerToken: flopsPerToken(model, data.report.trainedTokens / data.report.tokens),
      estimate,
      ...facts,
    })
  }

  private async train(
    model: CausalLM,
    data: PreparedData,
    identity: RunIdentity,
  ): Promise<TrainResult> {
    const { checkpoints: folder, saveOnAbort } = this.options
    const checkpoints =
      folder === undefined ? undefined : await this.openCheckpoints(folder, model, data, identity)
    try {
      const { batches, batchesPerEpoch, evalBatches } = data
      const loop = { ...this.loopOptions(), model, batches, batchesPerEpoch, evalBatches }
      return await takeSteps<Batch>(loop, {
        control: this.surroundings.control,
        callbacks: this.surroundings.callbacks,
        checkpointer: checkpoints?.writer,
        resumeFrom: checkpoints?.resumePoint,
        groupsOf: this.options.adaptation.groupsOf,
      })
    } catch (error) {
      const saves = saveOnAbort && this.#steps > 0 && (await isWorthSaving(model))
      if (saves) await this.save(model, data)
      const saved = saves ? this.#folder : undefined
      if (error instanceof TrainingAbortedError) {
        const made = this.options.adaptation.result
        throw new RunAbortedError(error.result, error.cause, made, saved, folder && resolve(folder))
      }
      if (saved !== undefined) this.warnOfEarlyEnd(saved)
      throw error
    } finally {
      await checkpoints?.close()
      await this.surroundings.control.drain()
    }
  }

  private async openCheckpoints(
    folder: string,
    model: CausalLM,
    data: PreparedData,
    identity: RunIdentity,
  ): Promise<Checkpoints> {
    const checkpoints = await Checkpoints.open(this.options, {
      folder,
      model,
      identity,
      batchesPerEpoch: data.batchesPerEpoch,
      facts: () => this.facts(data),
      warnings: this.warnings,
      onSaved: (event) => this.surroundings.control.later(() => this.tell(event)),
    })
    const before = checkpoints.resumePoint?.state
    this.#steps = before?.losses.length ?? 0
    this.#losses.push(...(before?.losses ?? []))
    this.#evalLosses.push(...(before?.evalLosses ?? []).map(({ loss }) => loss))
    return checkpoints
  }

  private loopOptions() {
    const { options } = this
    return {
      epochs: options.epochs,
      maxSteps: options.maxSteps,
      gradientAccumulation: options.gradientAccumulation,
      learningRate: options.learningRate,
      schedule: options.schedule,
      warmupSteps: options.warmupSteps,
      warmupRatio: options.warmupRatio,
      weightDecay: options.weightDecay,
      optimizer: options.optimizer,
      maxGradNorm: options.maxGradNorm,
      labelSmoothing: options.labelSmoothing,
      neftuneAlpha: options.neftuneAlpha,
      emaDecay: options.emaDecay,
      maxSkippedSteps: options.maxSkippedSteps,
      earlyStopping: options.earlyStopping,
      evalEvery: options.evalEvery,
      seed: options.seed,
      onEvent: (event: RunEvent) => this.observe(event),
      onWarning: this.warnings.pass.bind(this.warnings),
      signal: options.signal,
      describeBatch: (batch: Batch) => batch.sources.map(sourceName).join(', '),
    }
  }

  private observe(event: RunEvent): void {
    if (event.type === 'step') {
      this.#steps = event.step
      this.#losses.push(event.loss)
    }
    if (event.type === 'eval') this.#evalLosses.push(event.loss)
    this.surroundings.tell(event)
  }

  private facts(data: PreparedData) {
    const { learningRate } = this.options
    const notes = {
      rows: data.report.examples,
      steps: this.#steps,
      'learning rate': learningRate,
      'last training loss': this.#losses.at(-1)?.toFixed(4) ?? 'none',
      ...(this.#evalLosses.length > 0 && {
        'held-out loss': this.#evalLosses.map((loss) => loss.toFixed(4)).join(' -> '),
      }),
    }
    return { baseModel: this.baseName() ?? null, notes }
  }

  /** @throws RunSaveError, after another place was tried. */
  private async save(model: CausalLM, data: PreparedData): Promise<void> {
    const { adaptation, output, where } = this.options
    const facts = this.facts(data)
    try {
      await adaptation.save(this.output, model, facts, this.warnings)
    } catch (cause) {
      const folder = await rescueResult(adaptation, model, output, facts, this.warnings)
      const unsaved = { where, result: adaptation.result, output, cause, folder }
      throw new RunSaveError({ ...unsaved, model: folder === undefined ? model : undefined })
    }
    await this.tell({ type: 'saved', folder: this.#folder })
  }

  private baseName(): string | undefined {
    const { baseModel, model } = this.options
    return baseModel ?? (typeof model === 'string' ? model : undefined)
  }

  private async config(): Promise<DecoderConfig> {
    const { model, tokenizer } = this.options
    if (typeof model !== 'string') return model.config
    await requireModelFolder(model, { tokenizer: tokenizer === undefined })
    return readConfig(model)
  }

  private async tokenizer(): Promise<Tokenizer> {
    const { tokenizer, model, where } = this.options
    if (tokenizer !== undefined) return tokenizer
    if (typeof model === 'string') return Tokenizer.fromFolder(model)
    throw new ConfigError(`${where}.tokenizer: must be given with a loaded model; got nothing.`)
  }

  private warnOfData(data: PreparedData, tokenizer: Tokenizer, config: DecoderConfig): void {
    const maxLength = resolveMaxLength(this.options, config)
    const hasTemplate = tokenizer.hasChatTemplate
    const context = { maxLength, hasTemplate, hasTurns: data.hasTurns }
    warnOfData(this.warnings, data.report, { kind: 'rows', ...context })
    if (data.evalReport === undefined) return
    warnOfData(this.warnings, data.evalReport, {
      kind: 'held-out rows',
      ...context,
      // One word about the template is enough.
      hasTemplate: true,
    })
  }

  private checkpointsNote(): string {
    const { checkpoints } = this.options
    return checkpoints === undefined
      ? ''
      : `, checkpoints of earlier ones in ${resolve(checkpoints)}`
  }

  private warnOfEarlyEnd(folder: string): void {
    const { result } = this.options.adaptation
    const next =
      result === 'adapter'
        ? 'loadAdapter(model, folder, { trainable: true })'
        : 'model: the folder, in a new run'
    this.warnings.add(
      'WARN_LLFT_STOPPED_EARLY',
      `the run failed after step ${this.#steps}; the ${result} of these steps is in ${folder}${this.checkpointsNote()}.`,
      `Mend what the error says, and go on from it: ${next}.`,
    )
  }
}

function countsOf(model: CausalLM) {
  return {
    trainableParameters: elementCount(trainableParameters(model)),
    totalParameters: parameterCount(model),
  }
}

/** Whether what trains can be read and is finite: parameters that are not are worth nothing. */
async function isWorthSaving(model: CausalLM): Promise<boolean> {
  const tensors = trainableParameters(model).map(({ tensor }) => tensor)
  return readSumSquares(tensors).then(Number.isFinite, () => false)
}

interface RunParts {
  readonly tokenizer: Tokenizer
  readonly base: BaseModel
  readonly data: PreparedData
  readonly estimate: MemoryEstimate
}

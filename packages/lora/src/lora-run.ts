import { resolve } from 'node:path'
import { type Batch, type DataReport, sourceName } from '@llft/data'
import { ConfigError, guardHandler, type Warnings } from '@llft/errors'
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
import {
  requireIdle,
  TrainingAbortedError,
  type TrainResult,
  train,
  trainableParameters,
} from '@llft/train'
import { writeAdapter } from './adapter-output.js'
import { AdapterSaveError } from './adapter-save-error.js'
import { attachmentOf, findAttachment } from './attachment.js'
import { type BaseModel, baseModelOf } from './base-model.js'
import type { LoraConfig } from './config.js'
import { planOfRun } from './estimate-memory.js'
import { warnOfIdlePatterns } from './idle-options.js'
import { countTrainable, injectLora, removeLora } from './inject.js'
import { memoryLimit } from './memory-limit.js'
import type { MemoryEstimate } from './memory-plan.js'
import { type PreparedData, prepareData, resolveMaxLength } from './prepare-data.js'
import { requireMemory } from './require-memory.js'
import { rescueAdapter } from './rescue.js'
import type { LoraTrainEvent } from './train-events.js'
import type { ResolvedTrainOptions } from './train-options.js'
import { warnOfData } from './warn-of-data.js'

/** What a run of `loraTrain` did. */
export interface LoraTrainResult extends TrainResult {
  /** Absolute path of the adapter folder. */
  readonly adapterDir: string
  readonly lora: LoraConfig
  readonly trainableParameters: number
  readonly totalParameters: number
  /** Type of weights and activations. */
  readonly dtype: DType
  /** What became of the rows. */
  readonly data: DataReport
  readonly evalData: DataReport | undefined
}

/** The AbortSignal stopped a run of `loraTrain` after it had begun to train: `ERR_LLFT_ABORTED`. */
export class LoraTrainAbortedError extends TrainingAbortedError {
  constructor(
    result: TrainResult,
    reason: unknown,
    /** Where the adapter of the completed steps was saved, if it was. */
    readonly adapterDir: string | undefined,
  ) {
    super(result, reason)
    if (adapterDir !== undefined) this.message += ` The adapter so far is in ${adapterDir}.`
  }
}

/** One run of `loraTrain` with checked options and a folder that waits for its adapter. */
export class LoraRun {
  /** Steps of which the figures were told. */
  #steps = 0
  readonly #losses: number[] = []
  readonly #evalLosses: number[] = []
  readonly #tell: (event: LoraTrainEvent) => void
  readonly #adapterDir: string

  constructor(
    private readonly options: ResolvedTrainOptions,
    private readonly output: OutputFolder,
    private readonly warnings: Warnings,
  ) {
    this.#tell = guardHandler(options.onEvent, warnings)
    this.#adapterDir = resolve(options.output)
  }

  async execute(): Promise<LoraTrainResult> {
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
      return await this.withAdapter(model, { base, data, estimate })
    } catch (error) {
      isKept = error instanceof AdapterSaveError && error.model !== undefined
      throw error
    } finally {
      if (model !== given && !isKept) model.dispose()
      trimMemory()
    }
  }

  private async withAdapter(model: CausalLM, parts: RunParts): Promise<LoraTrainResult> {
    requireIdle(model, 'loraTrain')
    const hadAdapter = findAttachment(model) !== undefined
    if (hadAdapter) {
      this.requireTrainable(model)
    } else {
      warnOfIdlePatterns(this.warnings, model, this.options.lora)
      injectLora(model, this.options.lora)
    }
    const checkpointing = model.gradientCheckpointing
    model.gradientCheckpointing = this.options.checkpointing ?? parts.base.quantized
    try {
      return await this.trainAndSave(model, parts)
    } catch (error) {
      // What could not be saved must not be thrown away with the message that says so.
      if (!hadAdapter && !(error instanceof AdapterSaveError)) removeLora(model)
      throw error
    } finally {
      model.gradientCheckpointing = checkpointing
    }
  }

  private async trainAndSave(model: CausalLM, parts: RunParts): Promise<LoraTrainResult> {
    const { data } = parts
    const { trainable: trainableParameters, total: totalParameters } = countTrainable(model)
    this.announce(model, parts, { trainableParameters, totalParameters })
    const result = await this.train(model, data)
    await this.save(model, data)
    return {
      ...result,
      adapterDir: this.#adapterDir,
      lora: attachmentOf(model, 'loraTrain').config,
      trainableParameters,
      totalParameters,
      dtype: model.dtype,
      data: data.report,
      evalData: data.evalReport,
      warnings: this.warnings.list,
    }
  }

  private announce(
    model: CausalLM,
    { base: { quantization }, data, estimate }: RunParts,
    counts: { trainableParameters: number; totalParameters: number },
  ): void {
    const { isa, threads } = deviceInfo()
    this.#tell({
      type: 'ready',
      model: this.baseName() ?? `a ${model.config.modelType} model`,
      data: data.report,
      evalData: data.evalReport,
      dtype: model.dtype,
      quantization: quantization && describeQuantization(quantization),
      isa,
      threads,
      adaptedLayers: attachmentOf(model, 'loraTrain').layers.size,
      estimate,
      ...counts,
    })
  }

  private async train(model: CausalLM, data: PreparedData): Promise<TrainResult> {
    try {
      const { batches, batchesPerEpoch, evalBatches } = data
      const loop = this.loopOptions()
      return await train<Batch>({ ...loop, model, batches, batchesPerEpoch, evalBatches })
    } catch (error) {
      const saves = this.options.saveOnAbort && this.#steps > 0 && (await isWorthSaving(model))
      if (saves) await this.save(model, data)
      const adapterDir = saves ? this.#adapterDir : undefined
      if (error instanceof TrainingAbortedError) {
        throw new LoraTrainAbortedError(error.result, error.cause, adapterDir)
      }
      if (adapterDir !== undefined) this.warnOfEarlyEnd(adapterDir)
      throw error
    }
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
      evalEvery: options.evalEvery,
      seed: options.seed,
      onEvent: (event: LoraTrainEvent) => this.observe(event),
      onWarning: this.warnings.pass.bind(this.warnings),
      signal: options.signal,
      describeBatch: (batch: Batch) => batch.sources.map(sourceName).join(', '),
    }
  }

  private observe(event: LoraTrainEvent): void {
    if (event.type === 'step') {
      this.#steps = event.step
      this.#losses.push(event.loss)
    }
    if (event.type === 'eval') this.#evalLosses.push(event.loss)
    this.#tell(event)
  }

  /** @throws AdapterSaveError, after another place was tried. */
  private async save(model: CausalLM, data: PreparedData): Promise<void> {
    const { learningRate, output } = this.options
    const notes = {
      rows: data.report.examples,
      steps: this.#steps,
      'learning rate': learningRate,
      'last training loss': this.#losses.at(-1)?.toFixed(4) ?? 'none',
      ...(this.#evalLosses.length > 0 && {
        'held-out loss': this.#evalLosses.map((loss) => loss.toFixed(4)).join(' -> '),
      }),
    }
    const facts = { baseModel: this.baseName() ?? null, notes }
    try {
      await writeAdapter(this.output, model, facts, this.warnings)
    } catch (error) {
      const rescued = await rescueAdapter(model, output, facts, this.warnings)
      throw new AdapterSaveError(output, error, rescued, rescued === undefined ? model : undefined)
    }
    this.#tell({ type: 'saved', adapterDir: this.#adapterDir })
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
    const { tokenizer, model } = this.options
    if (tokenizer !== undefined) return tokenizer
    if (typeof model === 'string') return Tokenizer.fromFolder(model)
    throw new ConfigError('loraTrain.tokenizer: must be given with a loaded model; got nothing.')
  }

  private requireTrainable(model: CausalLM): void {
    if (this.options.hasLoraOptions) {
      throw new ConfigError(
        'loraTrain.lora: must be left out with a model that has an adapter, which goes on training; got options. Call removeLora first to begin a new one.',
      )
    }
    if (countTrainable(model).trainable > 0) return
    throw new ConfigError(
      'loraTrain.model: the adapter of the model must be trainable; got a frozen one. Load it with { trainable: true }, or call removeLora.',
    )
  }

  private warnOfData(data: PreparedData, tokenizer: Tokenizer, config: DecoderConfig): void {
    const maxLength = resolveMaxLength(this.options.maxLength, config)
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

  private warnOfEarlyEnd(adapterDir: string): void {
    this.warnings.add(
      'WARN_LLFT_STOPPED_EARLY',
      `the run failed after step ${this.#steps}; the adapter of these steps is in ${adapterDir}.`,
      'Mend what the error says, and go on from it: loadAdapter(model, folder, { trainable: true }).',
    )
  }
}

/** Whether what trains can be read and is finite: an adapter that is not is worth nothing. */
async function isWorthSaving(model: CausalLM): Promise<boolean> {
  const tensors = trainableParameters(model).map(({ tensor }) => tensor)
  return readSumSquares(tensors).then(Number.isFinite, () => false)
}

interface RunParts {
  readonly base: BaseModel
  readonly data: PreparedData
  readonly estimate: MemoryEstimate
}

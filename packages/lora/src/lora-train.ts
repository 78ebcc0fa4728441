import { resolve } from 'node:path'
import { type Batch, type DataReport, sourceName } from '@llft/data'
import { AbortedError, ConfigError } from '@llft/errors'
import { describeQuantization } from '@llft/quant'
import {
  type CausalLM,
  type DecoderConfig,
  type DType,
  deviceInfo,
  loadModel,
  readConfig,
  resetPeakMemory,
  trimMemory,
} from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { TrainingAbortedError, type TrainResult, train } from '@llft/train'
import { attachmentOf, findAttachment } from './attachment.js'
import { type BaseModel, baseModelOf } from './base-model.js'
import type { LoraConfig } from './config.js'
import { planOfRun } from './estimate-memory.js'
import { countTrainable, injectLora, removeLora } from './inject.js'
import { memoryLimit } from './memory-limit.js'
import { prepareOutput } from './output-folder.js'
import { type PreparedData, prepareData } from './prepare-data.js'
import { requireMemory } from './require-memory.js'
import { saveAdapter } from './save-adapter.js'
import {
  type LoraTrainOptions,
  type ResolvedTrainOptions,
  resolveTrainOptions,
} from './train-options.js'

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

/**
 * Fine-tunes a model with LoRA: loads it, tokenises the data, puts adapters in, trains, evaluates on the held-out part,
 * and saves the adapter as a folder that PEFT loads.
 *
 * Options, data and the output folder are checked before the model is loaded. Native memory is back where it was when
 * the promise settles, except for the adapter in a model that was passed in. After a failure or an abort such a model
 * has no adapter.
 *
 * @throws ConfigError for options, a model or targets that do not hold; InsufficientMemoryError, before the model is
 *   loaded, for a run that cannot fit; DataError naming file and line; FormatError
 *   naming a tensor; NonFiniteError naming step and rows, with nothing saved; LoraTrainAbortedError with the result so
 *   far, after the adapter of the completed steps was saved unless `saveOnAbort` is false; AbortedError before that.
 */
export async function loraTrain(options: LoraTrainOptions): Promise<LoraTrainResult> {
  const resolved = resolveTrainOptions(options)
  const removeEmptyOutput = await prepareOutput(resolved.output)
  try {
    return await new LoraRun(resolved).execute()
  } catch (error) {
    await removeEmptyOutput()
    const { signal } = resolved
    if (!signal?.aborted || error !== signal.reason) throw error
    const aborted = new AbortedError(
      'loraTrain: was stopped by its AbortSignal before the first step.',
    )
    aborted.cause = error
    throw aborted
  }
}

class LoraRun {
  readonly #adapterDir: string

  constructor(private readonly options: ResolvedTrainOptions) {
    this.#adapterDir = resolve(options.output)
  }

  async execute(): Promise<LoraTrainResult> {
    const { model: given, signal } = this.options
    const tokenizer = await this.tokenizer()
    const data = await prepareData(this.options, tokenizer, await configOf(given))
    signal?.throwIfAborted()
    const base = await baseModelOf(this.options)
    const plan = await planOfRun(this.options, base, data)
    requireMemory(plan, this.options.memoryLimit ?? memoryLimit(), this.options)
    resetPeakMemory()
    const model = typeof given === 'string' ? await loadModel(given, base.load) : given
    try {
      signal?.throwIfAborted()
      return await this.withAdapter(model, base, data)
    } finally {
      if (model !== given) model.dispose()
      trimMemory()
    }
  }

  private async withAdapter(
    model: CausalLM,
    base: BaseModel,
    data: PreparedData,
  ): Promise<LoraTrainResult> {
    const hadAdapter = findAttachment(model) !== undefined
    if (hadAdapter) this.requireTrainable(model)
    else injectLora(model, this.options.lora)
    const checkpointing = model.gradientCheckpointing
    model.gradientCheckpointing = this.options.checkpointing ?? base.quantized
    try {
      return await this.trainAndSave(model, base, data)
    } catch (error) {
      if (!hadAdapter) removeLora(model)
      throw error
    } finally {
      model.gradientCheckpointing = checkpointing
    }
  }

  private async trainAndSave(
    model: CausalLM,
    base: BaseModel,
    data: PreparedData,
  ): Promise<LoraTrainResult> {
    const { trainable: trainableParameters, total: totalParameters } = countTrainable(model)
    this.announce(model, base, data, { trainableParameters, totalParameters })
    const result = await this.train(model, data)
    await this.save(model, data, result)
    return {
      ...result,
      adapterDir: this.#adapterDir,
      lora: attachmentOf(model, 'loraTrain').config,
      trainableParameters,
      totalParameters,
      dtype: model.dtype,
      data: data.report,
      evalData: data.evalReport,
    }
  }

  private announce(
    model: CausalLM,
    { quantization }: BaseModel,
    data: PreparedData,
    counts: { trainableParameters: number; totalParameters: number },
  ): void {
    const { isa, threads } = deviceInfo()
    this.options.onEvent?.({
      type: 'ready',
      data: data.report,
      evalData: data.evalReport,
      dtype: model.dtype,
      quantization: quantization && describeQuantization(quantization),
      isa,
      threads,
      adaptedLayers: attachmentOf(model, 'loraTrain').layers.size,
      ...counts,
    })
  }

  private async train(model: CausalLM, data: PreparedData): Promise<TrainResult> {
    try {
      const { batches, batchesPerEpoch, evalBatches } = data
      const loop = this.loopOptions()
      return await train<Batch>({ ...loop, model, batches, batchesPerEpoch, evalBatches })
    } catch (error) {
      if (!(error instanceof TrainingAbortedError)) throw error
      const { result } = error
      const saves = this.options.saveOnAbort && result.steps > 0
      if (saves) await this.save(model, data, result)
      throw new LoraTrainAbortedError(result, error.cause, saves ? this.#adapterDir : undefined)
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
      onEvent: options.onEvent,
      signal: options.signal,
      describeBatch: (batch: Batch) => batch.sources.map(sourceName).join(', '),
    }
  }

  private async save(model: CausalLM, data: PreparedData, result: TrainResult): Promise<void> {
    const { baseModel, model: given, onEvent, learningRate } = this.options
    const name = baseModel ?? (typeof given === 'string' ? given : null)
    const notes = {
      rows: data.report.examples,
      steps: result.steps,
      'learning rate': learningRate,
      'last training loss': result.losses.at(-1)?.toFixed(4) ?? 'none',
      ...(result.evalLosses.length > 0 && {
        'held-out loss': result.evalLosses.map(({ loss }) => loss.toFixed(4)).join(' -> '),
      }),
    }
    await saveAdapter(model, this.#adapterDir, { baseModel: name, notes })
    onEvent?.({ type: 'saved', adapterDir: this.#adapterDir })
  }

  private async tokenizer(): Promise<Tokenizer> {
    const { tokenizer, model } = this.options
    if (tokenizer !== undefined) return tokenizer
    if (typeof model === 'string') return Tokenizer.fromFolder(model)
    throw new ConfigError('loraTrain.tokenizer: must be given with a loaded model; got nothing.')
  }

  private requireTrainable(model: CausalLM): void {
    if (countTrainable(model).trainable > 0) return
    throw new ConfigError(
      'loraTrain.model: the adapter of the model must be trainable; got a frozen one. Load it with { trainable: true }, or call removeLora.',
    )
  }
}

async function configOf(model: string | CausalLM): Promise<DecoderConfig> {
  return typeof model === 'string' ? readConfig(model) : model.config
}

import { ConfigError } from '@llft/errors'
import { above, parseOptions } from '@llft/options'
import type { DecoderConfig } from '@llft/runtime'
import { CausalLM, LanguageModel } from '@llft/runtime'
import {
  estimateRun,
  estimateShape,
  type MemoryEstimate,
  type RunHandle,
  type RunOptions,
  type RunResult,
  resolveEstimateOptions,
  resolveRunOptions,
  runShape,
  startRun,
} from '@llft/train'
import { z } from 'zod'
import { findAttachment } from './attachment.js'
import { type LoraConfig, type LoraOptions, loraConfig } from './config.js'
import { countTrainable } from './inject.js'
import { loraAdaptation } from './lora-adaptation.js'

/** What `loraTrain` takes. Only `model`, `data` and `output` must be given. */
export interface LoraTrainOptions extends RunOptions {
  /** Default: rank 16, alpha twice the rank, every linear layer but the head; else as PEFT. */
  lora?: LoraOptions | undefined
  /** LoRA+: how many times as fast the matrices B learn, such as 16. Default 1. */
  loraPlusRatio?: number | undefined
}

/** What a run of `loraTrain` did. */
export interface LoraTrainResult extends RunResult {
  /** Absolute path of the adapter folder. */
  readonly adapterDir: string
  readonly lora: LoraConfig
}

const loraShape = {
  lora: z
    .custom<LoraOptions>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      'must be an object of LoRA options',
    )
    .optional(),
  loraPlusRatio: above(0).optional(),
}
const trainSchema = z.strictObject({ ...runShape, ...loraShape })
const estimateSchema = z.strictObject({ ...estimateShape, ...loraShape })

/**
 * Fine-tunes a model with LoRA: `fineTune` with adapters, saved as a folder that PEFT loads. A model that has an adapter
 * already goes on training it.
 *
 * @returns the run as a handle: await it for the result, iterate over its events, pause, stop or save it
 * @throws as `fineTune`.
 */
export function loraTrain(options: LoraTrainOptions): RunHandle<LoraTrainResult> {
  let lora = loraConfig()
  return startRun({
    options,
    resolve: () => {
      const { lora: given, loraPlusRatio, ...run } = parseOptions(trainSchema, options, 'loraTrain')
      if (run.model instanceof CausalLM) requireTrainable(run.model, given !== undefined)
      lora = attachedConfig(run.model) ?? recommended(given, run.seed)
      return resolveRunOptions(run, loraAdaptation(lora, { loraPlusRatio }), 'loraTrain')
    },
    finish: (result) => ({ ...result, adapterDir: result.folder, lora }),
  })
}

/** What `loraTrain` takes; `data` and `output` may be left out, and a configuration may stand for the model. */
export interface EstimateMemoryOptions extends Omit<LoraTrainOptions, 'model' | 'data' | 'output'> {
  model: string | LanguageModel | DecoderConfig
  /** Default: every batch has `batchSize` rows of `maxLength` tokens. */
  data?: LoraTrainOptions['data'] | undefined
  /** Not used; taken so that the options of a run can be passed as they are. */
  output?: string | undefined
}

/**
 * How much memory `loraTrain` would take with these options: the same code runs once with tensors that have sizes but
 * no memory. Nothing of the model is loaded but config.json and the headers of its files; the data, where it is given,
 * is tokenised, so that the largest batch is known.
 *
 * @throws ConfigError, DataError or FormatError, as `loraTrain` does; InsufficientMemoryError for what no machine could
 *   address.
 */
export async function estimateMemory(options: EstimateMemoryOptions): Promise<MemoryEstimate> {
  const { lora, loraPlusRatio: _, ...run } = parseOptions(estimateSchema, options, 'estimateMemory')
  const config = attachedConfig(run.model) ?? recommended(lora, run.seed)
  return estimateRun(resolveEstimateOptions(run, loraAdaptation(config), 'estimateMemory'))
}

function recommended(options: LoraOptions = {}, seed: number): LoraConfig {
  const r = options.r ?? 16
  return loraConfig({ r, alpha: 2 * r, targetModules: 'all-linear', seed, ...options })
}

/** A model that has an adapter keeps it. */
function attachedConfig(model: unknown): LoraConfig | undefined {
  return model instanceof LanguageModel ? findAttachment(model)?.config : undefined
}

function requireTrainable(model: CausalLM, hasLoraOptions: boolean): void {
  if (findAttachment(model) === undefined) return
  if (hasLoraOptions) {
    throw new ConfigError(
      'loraTrain.lora: must be left out with a model that has an adapter, which goes on training; got options. Call removeLora first to begin a new one.',
    )
  }
  if (countTrainable(model).trainable > 0) return
  throw new ConfigError(
    'loraTrain.model: the adapter of the model must be trainable; got a frozen one. Load it with { trainable: true }, or call removeLora.',
  )
}

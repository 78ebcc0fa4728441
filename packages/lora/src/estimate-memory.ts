import { ConfigError } from '@llft/errors'
import { type DecoderConfig, LanguageModel } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { findAttachment } from './attachment.js'
import { type BaseModel, baseModelOf, planBaseModel } from './base-model.js'
import type { MemoryEstimate, MemoryPlan, PlannedModels } from './memory-plan.js'
import { fullWorkload, type Workload, workloadOf } from './memory-workload.js'
import { type PreparedData, prepareData, resolveMaxLength } from './prepare-data.js'
import { requireMemory } from './require-memory.js'
import {
  type LoraTrainOptions,
  type ResolvedEstimateOptions,
  type ResolvedTrainOptions,
  resolveEstimateOptions,
} from './train-options.js'

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
  const resolved = resolveEstimateOptions(options)
  const base = await baseModelOf(resolved)
  const models = await planBaseModel(resolved.model, base)
  const workload = await workloadFor(resolved, models.model.config)
  const plan = { ...planOf(resolved, base, workload), ...models }
  return requireMemory(plan, Number.POSITIVE_INFINITY, resolved)
}

async function workloadFor(
  options: ResolvedEstimateOptions,
  config: DecoderConfig,
): Promise<Workload> {
  const { data, model, batchSize, gradientAccumulation, maxLength } = options
  if (data === undefined) {
    return fullWorkload(batchSize, resolveMaxLength(maxLength, config), gradientAccumulation)
  }
  const folder = typeof model === 'string' ? model : undefined
  const tokenizer = options.tokenizer ?? (folder && (await Tokenizer.fromFolder(folder)))
  if (!tokenizer) {
    throw new ConfigError(
      'estimateMemory.tokenizer: must be given with data where the model is no folder; got nothing.',
    )
  }
  return preparedWorkload(options, await prepareData({ ...options, data }, tokenizer, config))
}

type RunOptions = Pick<
  ResolvedTrainOptions,
  'lora' | 'optimizer' | 'checkpointing' | 'epochs' | 'maxSteps' | 'gradientAccumulation'
> & { readonly model: ResolvedEstimateOptions['model'] }

/** The plan of a run of `loraTrain` whose data is prepared. */
export async function planOfRun(
  options: ResolvedTrainOptions,
  base: BaseModel,
  data: PreparedData,
): Promise<MemoryPlan> {
  const plan = planOf(options, base, preparedWorkload(options, data))
  return { ...plan, ...(await planBaseModel(options.model, base)) }
}

function planOf(
  options: RunOptions,
  { quantized }: BaseModel,
  workload: Workload,
): Omit<MemoryPlan, keyof PlannedModels> {
  const { model, optimizer, checkpointing = quantized } = options
  // A model that has an adapter keeps it.
  const attached = model instanceof LanguageModel ? findAttachment(model)?.config : undefined
  return { lora: attached ?? options.lora, optimizer, checkpointing, workload }
}

function preparedWorkload(options: RunOptions, data: PreparedData): Workload {
  const { epochs, maxSteps, gradientAccumulation } = options
  return workloadOf({
    batches: data.batches,
    evalBatches: data.evalBatches,
    count: Math.ceil(
      maxSteps === undefined ? epochs * data.batchesPerEpoch : maxSteps * gradientAccumulation,
    ),
    gradientAccumulation,
  })
}

import { type CausalLM, contextLimit, type DecoderConfig, planModel } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { findAttachment } from './attachment.js'
import { estimateOf, type MemoryEstimate, type MemoryPlan } from './memory-plan.js'
import { fullWorkload, type Workload, workloadOf } from './memory-workload.js'
import { DEFAULT_MAX_LENGTH, type PreparedData, prepareData } from './prepare-data.js'
import {
  type LoraTrainOptions,
  type ResolvedTrainOptions,
  resolveEstimateOptions,
} from './train-options.js'

/** What `loraTrain` takes; `data` and `output` may be left out, and a configuration may stand for the model. */
export interface EstimateMemoryOptions extends Omit<LoraTrainOptions, 'model' | 'data' | 'output'> {
  model: string | CausalLM | DecoderConfig
  /** Default: every batch has `batchSize` rows of `maxLength` tokens. */
  data?: LoraTrainOptions['data']
  output?: string
}

/**
 * How much memory `loraTrain` would take with these options: the same code runs once with tensors that have sizes but
 * no memory. Nothing of the model is loaded but config.json and the headers of its files; the data, where it is given,
 * is tokenised, so that the largest batch is known.
 *
 * @throws ConfigError, DataError or FormatError, as `loraTrain` does.
 */
export async function estimateMemory(options: EstimateMemoryOptions): Promise<MemoryEstimate> {
  const resolved = resolveEstimateOptions(options)
  const model = await planModel(resolved.model, { dtype: resolved.dtype })
  const { data, tokenizer: given } = resolved
  if (data === undefined || typeof resolved.model !== 'string') {
    const length = resolved.maxLength ?? Math.min(DEFAULT_MAX_LENGTH, contextLimit(model.config))
    const workload = fullWorkload(resolved.batchSize, length, resolved.gradientAccumulation)
    return estimateOf({ ...planOf(resolved, workload), model })
  }
  const tokenizer = given ?? (await Tokenizer.fromFolder(resolved.model))
  const prepared = await prepareData({ ...resolved, data }, tokenizer, model.config)
  return estimateOf({ ...planOf(resolved, preparedWorkload(resolved, prepared)), model })
}

type RunOptions = Pick<
  ResolvedTrainOptions,
  'lora' | 'optimizer' | 'checkpointing' | 'epochs' | 'maxSteps' | 'gradientAccumulation'
>

/** The plan of a run of `loraTrain` whose data is prepared. */
export async function planOfRun(
  options: ResolvedTrainOptions,
  data: PreparedData,
): Promise<MemoryPlan> {
  const { model, dtype } = options
  const lora = typeof model === 'string' ? undefined : findAttachment(model)?.config
  const plan = planOf(options, preparedWorkload(options, data))
  return { ...plan, lora: lora ?? options.lora, model: await planModel(model, { dtype }) }
}

function planOf(options: RunOptions, workload: Workload): Omit<MemoryPlan, 'model'> {
  const { lora, optimizer, checkpointing } = options
  return { lora, optimizer, checkpointing, workload }
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

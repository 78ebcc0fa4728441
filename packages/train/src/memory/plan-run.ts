import { ConfigError } from '@llft/errors'
import type { DecoderConfig, LanguageModel } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import type { Adaptation } from '../run/adaptation.js'
import { type BaseModel, baseModelOf, planBaseModel } from '../run/base-model.js'
import { type PreparedData, prepareData, resolveMaxLength } from '../run/prepare-data.js'
import type { ResolvedEstimateOptions, ResolvedRunOptions } from '../run/run-options.js'
import type { MemoryEstimate, MemoryPlan, PlannedModels } from './memory-plan.js'
import { fullWorkload, type Workload, workloadOf } from './memory-workload.js'
import { requireMemory } from './require-memory.js'

/**
 * How much memory a run with these options would take: the same code runs once with tensors that have sizes but no
 * memory. Nothing of the model is loaded but config.json and the headers of its files; the data, where it is given, is
 * tokenised, so that the largest batch is known.
 *
 * @throws ConfigError, DataError or FormatError, as the run does; InsufficientMemoryError for what no machine could address.
 */
export async function estimateRun(options: ResolvedEstimateOptions): Promise<MemoryEstimate> {
  const base = await baseModelOf(options)
  const models = await planBaseModel(options.model, base)
  const workload = await workloadFor(options, models.model.config)
  const plan = { ...planOf(options, base, workload), ...models }
  return requireMemory(plan, Number.POSITIVE_INFINITY, options)
}

/** The plan of a run whose data is prepared. */
export async function planOfRun(
  options: ResolvedRunOptions,
  base: BaseModel,
  data: PreparedData,
): Promise<MemoryPlan> {
  const plan = planOf(options, base, preparedWorkload(options, data))
  return { ...plan, ...(await planBaseModel(options.model, base)) }
}

async function workloadFor(
  options: ResolvedEstimateOptions,
  config: DecoderConfig,
): Promise<Workload> {
  const { data, model, batchSize, gradientAccumulation, where } = options
  if (data === undefined) {
    const length = resolveMaxLength(options, config)
    return fullWorkload(batchSize, length, gradientAccumulation)
  }
  const folder = typeof model === 'string' ? model : undefined
  const tokenizer = options.tokenizer ?? (folder && (await Tokenizer.fromFolder(folder)))
  if (!tokenizer) {
    throw new ConfigError(
      `${where}.tokenizer: must be given with data where the model is no folder; got nothing.`,
    )
  }
  return preparedWorkload(options, await prepareData({ ...options, data }, tokenizer, config))
}

type PlannedOptions = Pick<
  ResolvedRunOptions,
  'optimizer' | 'emaDecay' | 'checkpointing' | 'epochs' | 'maxSteps' | 'gradientAccumulation'
> & {
  readonly model: string | LanguageModel | DecoderConfig
  readonly adaptation: Adaptation
}

function planOf(
  { adaptation, optimizer, emaDecay, checkpointing }: PlannedOptions,
  { quantized }: BaseModel,
  workload: Workload,
): Omit<MemoryPlan, keyof PlannedModels> {
  const hasAverages = emaDecay !== undefined
  return { adaptation, optimizer, hasAverages, checkpointing: checkpointing ?? quantized, workload }
}

function preparedWorkload(options: PlannedOptions, data: PreparedData): Workload {
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

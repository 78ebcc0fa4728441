import type { DType } from '@llft/native'
import { flag, handler, parseOptions } from '@llft/options'
import { z } from 'zod'
import { dryRun } from '../device.js'
import { CausalLM } from '../models/causal-lm.js'
import type { DecoderConfig } from '../models/decoder-config.js'
import { LanguageModel, type LanguageModelClass } from '../models/language-model.js'
import { unscoped } from '../scope.js'
import { tensorBytes } from '../tensor-spec.js'
import { PlannedBacking } from './backing.js'
import { CheckpointSource, type CheckpointSourceOptions } from './checkpoint-source.js'
import { type ComputeDtype, computeDtypes, resolveDtype } from './compute-dtype.js'
import type { LinearLoader } from './linear-loader.js'
import { openModel } from './open-model.js'

/** A model that can be built in a dry run. */
export interface ModelPlan {
  readonly config: DecoderConfig
  /** Of weights and activations. */
  readonly dtype: DType
  /** Whether the model is in memory already, so that its weights take no more. */
  readonly loaded: boolean
  /** Tensors of the files that are resident at once while loading, in bytes; 0 for a model that is loaded already. */
  readonly fileBytes: number
  /** Builds the model as loading does, inside of `dryRun`. */
  build(): LanguageModel
}

export interface PlanOptions {
  /** As for `loadModel`. */
  dtype?: ComputeDtype | undefined
  /** As for `loadModel`: makes the weights of linear layers, from tensors without memory. Default: floats. */
  loadLinear?: LinearLoader | undefined
  /** As for `loadModel`. Default true. */
  mmap?: boolean | undefined
  /** The class of models. Default: CausalLM. */
  kind?: LanguageModelClass<LanguageModel> | undefined
}

const schema = z.strictObject({
  dtype: computeDtypes.default('auto'),
  mmap: flag.default(true),
  loadLinear: handler<LinearLoader>().optional(),
  kind: z
    .custom<LanguageModelClass<LanguageModel>>(
      (value) => typeof value === 'function',
      'must be a class of models',
    )
    .optional(),
})

/**
 * Finds out what loading a model would take, from config.json and the headers of its files alone.
 *
 * @param model a folder, a configuration, whose weights then are taken to be stored as they are used, or a loaded
 *   model, whose weights then take no more memory.
 * @throws ConfigError or FormatError for a folder that `loadModel` refuses by these; `build` does for tensors that are
 *   missing, misshapen or of another type.
 */
export async function planModel(
  model: string | DecoderConfig | LanguageModel,
  options: PlanOptions = {},
): Promise<ModelPlan> {
  const parsed = parseOptions(schema, options, 'planModel')
  const { dtype: asked, loadLinear, mmap, kind = CausalLM } = parsed
  if (model instanceof LanguageModel) {
    const { config, dtype } = model
    const kind = model.constructor as LanguageModelClass<LanguageModel>
    return { ...planOf(kind, config, PlannedBacking.assumed(dtype), { dtype }), loaded: true }
  }
  if (typeof model !== 'string') {
    // Where the configuration does not say how its weights are stored, they are in 16 bits, as most are.
    const dtype = resolveDtype(asked, [model.storedDtype ?? 'bfloat16'])
    return withMappedBytes(
      planOf(kind, model, PlannedBacking.assumed(dtype), { dtype, loadLinear }),
    )
  }
  const { config, checkpoint, dtype } = await openModel(model, {
    dtype: asked,
    loadLinear,
    head: kind.head,
  })
  const plan = planOf(kind, config, PlannedBacking.of(checkpoint, mmap), { dtype, loadLinear })
  // What a loader of linear layers has read leaves memory layer by layer; what is read is no file any more.
  if (loadLinear !== undefined || !mmap) return withMappedBytes(plan)
  const tensors = [...checkpoint.tensors.values()]
  return { ...plan, fileBytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0) }
}

function planOf(
  kind: LanguageModelClass<LanguageModel>,
  config: DecoderConfig,
  backing: PlannedBacking,
  options: CheckpointSourceOptions,
): ModelPlan {
  const build = () => unscoped(() => new kind(config, new CheckpointSource(backing, options)))
  return { config, dtype: options.dtype, loaded: false, fileBytes: 0, build }
}

/** Counts the tensors of the model that lie in files as resident. */
function withMappedBytes(plan: ModelPlan): ModelPlan {
  const { value: fileBytes } = dryRun(() => {
    const model = plan.build()
    const bytes = fileBytesOf(model)
    model.dispose()
    return bytes
  })
  return { ...plan, fileBytes }
}

/** Bytes of the tensors of a model that are used where they lie in files. */
export function fileBytesOf(model: LanguageModel): number {
  let bytes = 0
  for (const [, tensor] of model.parameters()) {
    if (tensor.readOnly) bytes += tensorBytes(tensor.shape, tensor.dtype)
  }
  return bytes
}

import type { DType } from '@llft/native'
import { openCheckpoint } from '@llft/safetensors'
import { noGrad } from '../autograd/tape.js'
import { dryRun } from '../device.js'
import { CausalLM } from '../models/causal-lm.js'
import type { DecoderConfig } from '../models/decoder-config.js'
import type { WeightSource } from '../models/weight-source.js'
import { native } from '../native.js'
import { asType } from '../ops/elementwise.js'
import { DenseWeight, type LinearWeight } from '../ops/linear-weight.js'
import { tensorBytes } from '../ops/spilled-zeros.js'
import { keep, scope, unscoped } from '../scope.js'
import { Tensor } from '../tensor.js'
import type { LinearLoader, StoredLinear } from './checkpoint-source.js'
import { type ComputeDtype, resolveDtype } from './load-model.js'
import { readConfig } from './read-config.js'

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
  build(): CausalLM
}

const STORED: Readonly<Record<string, DType>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' }

export interface PlanOptions {
  /** As for `loadModel`. */
  dtype?: ComputeDtype
  /** As for `loadModel`: makes the weights of linear layers, from tensors without memory. Default: floats. */
  loadLinear?: LinearLoader | undefined
}

/**
 * Finds out what loading a model would take, from config.json and the headers of its files alone.
 *
 * @param model a folder, a configuration, whose weights then are taken to be stored as they are used, or a loaded
 *   model, whose weights then take no more memory.
 */
export async function planModel(
  model: string | DecoderConfig | CausalLM,
  options: PlanOptions = {},
): Promise<ModelPlan> {
  const { dtype = 'auto', loadLinear } = options
  if (model instanceof CausalLM) {
    const source = new PlannedSource(model.dtype, () => model.dtype)
    return { ...planOf(model.config, source, 0), loaded: true }
  }
  if (typeof model !== 'string') {
    const resolved = resolveDtype(dtype, model.storedDtype !== 'float32')
    const source = new PlannedSource(resolved, () => resolved, loadLinear)
    return planOf(model, source, mappedBytes(model, source))
  }
  const config = await readConfig(model)
  const { tensors } = await openCheckpoint(model)
  const stored = [...tensors.values()]
  const resolved = resolveDtype(
    dtype,
    stored.some((tensor) => tensor.dtype !== 'F32'),
  )
  const typeOf = (name: string) => STORED[tensors.get(name)?.dtype ?? ''] ?? resolved
  const source = new PlannedSource(resolved, typeOf, loadLinear)
  // What a loader of linear layers has read leaves memory layer by layer.
  if (loadLinear !== undefined) return planOf(config, source, mappedBytes(config, source))
  const fileBytes = stored.reduce((sum, { name, shape }) => {
    return sum + tensorBytes(shape, typeOf(name))
  }, 0)
  return planOf(config, source, fileBytes)
}

function planOf(config: DecoderConfig, source: PlannedSource, fileBytes: number): ModelPlan {
  const build = () => unscoped(() => new CausalLM(config, source))
  return { config, dtype: source.dtype, loaded: false, fileBytes, build }
}

/** Stands for the tensors of a checkpoint: mapped where they are stored in the compute type, cast otherwise. */
class PlannedSource implements WeightSource {
  constructor(
    readonly dtype: DType,
    private readonly storedDtype: (name: string) => DType,
    private readonly loadLinear?: LinearLoader,
  ) {}

  tensor(name: string, shape: readonly number[]): Tensor {
    const mapped = planMapped(this.storedDtype(name), shape)
    const tensor = keep(noGrad(() => asType(mapped, this.dtype)))
    if (tensor !== mapped) mapped.dispose()
    return tensor
  }

  linearWeight(path: string, shape: readonly [number, number]): LinearWeight {
    const weight = scope(() => noGrad(() => this.loadLinear?.(this.storedLinear(path, shape))))
    return weight ?? new DenseWeight(this.tensor(`${path}.weight`, shape))
  }

  private storedLinear(path: string, shape: readonly [number, number]): StoredLinear {
    return {
      path,
      shape,
      dtype: this.dtype,
      tensor: (name, shape, [first, ...others]) => {
        const only = others.length === 0 ? first : undefined
        return planMapped(only ?? this.storedDtype(`${path}.${name}`), shape)
      },
      skip: () => undefined,
      requireFinite: () => undefined,
    }
  }
}

function planMapped(dtype: DType, shape: readonly number[]): Tensor {
  return new Tensor(native().planMapping(dtype, shape, false))
}

/** Bytes of the tensors of a model that lie in files. */
function mappedBytes(config: DecoderConfig, source: PlannedSource): number {
  return dryRun(() => {
    const model = planOf(config, source, 0).build()
    const bytes = fileBytesOf(model)
    model.dispose()
    return bytes
  }).value
}

/** Bytes of the tensors of a model that are used where they lie in files. */
export function fileBytesOf(model: CausalLM): number {
  let bytes = 0
  for (const [, tensor] of model.parameters()) {
    if (tensor.readOnly) bytes += tensorBytes(tensor.shape, tensor.dtype)
  }
  return bytes
}

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
import { keep, unscoped } from '../scope.js'
import { Tensor } from '../tensor.js'
import { type ComputeDtype, resolveDtype } from './load-model.js'
import { readConfig } from './read-config.js'

/** A model that can be built in a dry run. */
export interface ModelPlan {
  readonly config: DecoderConfig
  /** Of weights and activations. */
  readonly dtype: DType
  /** Tensors of the files that loading maps and reads, in bytes; 0 for a model that is loaded already. */
  readonly fileBytes: number
  /** Builds the model as loading does, inside of `dryRun`. */
  build(): CausalLM
}

const STORED: Readonly<Record<string, DType>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' }

/**
 * Finds out what loading a model would take, from config.json and the headers of its files alone.
 *
 * @param model a folder, a configuration, whose weights then are taken to be stored as they are used, or a loaded
 *   model, whose weights then take no more memory.
 */
export async function planModel(
  model: string | DecoderConfig | CausalLM,
  options: { dtype?: ComputeDtype } = {},
): Promise<ModelPlan> {
  const { dtype = 'auto' } = options
  if (model instanceof CausalLM) {
    return planOf(model.config, model.dtype, () => model.dtype, 0)
  }
  if (typeof model !== 'string') {
    const resolved = resolveDtype(dtype, model.storedDtype !== 'float32')
    const bytes = weightBytes(model, resolved)
    return planOf(model, resolved, () => resolved, bytes)
  }
  const config = await readConfig(model)
  const { tensors } = await openCheckpoint(model)
  const stored = [...tensors.values()]
  const resolved = resolveDtype(
    dtype,
    stored.some((tensor) => tensor.dtype !== 'F32'),
  )
  const fileBytes = stored.reduce((sum, tensor) => {
    return sum + tensorBytes(tensor.shape, STORED[tensor.dtype] ?? resolved)
  }, 0)
  const typeOf = (name: string) => STORED[tensors.get(name)?.dtype ?? ''] ?? resolved
  return planOf(config, resolved, typeOf, fileBytes)
}

function planOf(
  config: DecoderConfig,
  dtype: DType,
  storedDtype: (name: string) => DType,
  fileBytes: number,
): ModelPlan {
  const build = () => unscoped(() => new CausalLM(config, new PlannedSource(dtype, storedDtype)))
  return { config, dtype, fileBytes, build }
}

/** Stands for the tensors of a checkpoint: mapped where they are stored in the compute type, cast otherwise. */
class PlannedSource implements WeightSource {
  constructor(
    readonly dtype: DType,
    private readonly storedDtype: (name: string) => DType,
  ) {}

  tensor(name: string, shape: readonly number[]): Tensor {
    const mapped = new Tensor(native().planMapping(this.storedDtype(name), shape, false))
    const tensor = keep(noGrad(() => asType(mapped, this.dtype)))
    if (tensor !== mapped) mapped.dispose()
    return tensor
  }

  linearWeight(path: string, shape: readonly [number, number]): LinearWeight {
    return new DenseWeight(this.tensor(`${path}.weight`, shape))
  }
}

/** Bytes of the weights of a configuration. */
function weightBytes(config: DecoderConfig, dtype: DType): number {
  return dryRun(() => {
    const model = planOf(config, dtype, () => dtype, 0).build()
    let bytes = 0
    for (const [, tensor] of model.parameters()) bytes += tensorBytes(tensor.shape, dtype)
    model.dispose()
    return bytes
  }).value
}

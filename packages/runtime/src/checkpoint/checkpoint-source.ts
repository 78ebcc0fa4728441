import type { DType } from '@llft/native'
import { noGrad } from '../autograd/tape.js'
import type { WeightSource } from '../models/weight-source.js'
import { asType } from '../ops/elementwise.js'
import { DenseWeight, type LinearWeight } from '../ops/linear-weight.js'
import { keep, scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import type { Backing } from './backing.js'
import { FLOAT_DTYPES } from './file-dtypes.js'
import type { FiniteCheck } from './finite-check.js'
import type { LinearLoader, StoredLinear } from './linear-loader.js'

export interface CheckpointSourceOptions {
  /** The compute type of the model. */
  readonly dtype: DType
  /** Default: linear layers are floats. */
  readonly loadLinear?: LinearLoader | undefined
  /** Sees every weight that is given out. Default: none is looked at. */
  readonly finite?: FiniteCheck | undefined
}

/**
 * Gives a model the tensors of a checkpoint: as they lie in its backing where they are stored in the compute type, cast
 * otherwise. Loading and planning differ in the backing alone, so a plan cannot stray from what it plans.
 */
export class CheckpointSource implements WeightSource {
  readonly dtype: DType
  readonly #taken = new Set<string>()
  readonly #owned: { dispose(): void }[] = []

  constructor(
    private readonly backing: Backing,
    private readonly options: CheckpointSourceOptions,
  ) {
    this.dtype = options.dtype
  }

  /** Names of the tensors that were given out, or that a loader of linear layers has used. */
  get taken(): ReadonlySet<string> {
    return this.#taken
  }

  tensor(name: string, shape: readonly number[]): Tensor {
    const stored = this.take(name, shape, FLOAT_DTYPES)
    const tensor = keep(noGrad(() => asType(stored, this.dtype)))
    if (tensor !== stored) stored.dispose()
    this.#owned.push(tensor)
    this.options.finite?.add(name, tensor)
    return tensor
  }

  linearWeight(path: string, shape: readonly [number, number]): LinearWeight {
    const { loadLinear } = this.options
    const weight = scope(() => noGrad(() => loadLinear?.(this.storedLinear(path, shape))))
    if (weight === undefined) return new DenseWeight(this.tensor(`${path}.weight`, shape))
    this.#owned.push(weight)
    return weight
  }

  /** Frees every tensor that was given out, after a failure. */
  abandon(): void {
    for (const owned of this.#owned) owned.dispose()
  }

  private take(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor {
    const tensor = this.backing.tensor(name, shape, dtypes)
    this.#taken.add(name)
    return tensor
  }

  private storedLinear(path: string, shape: readonly [number, number]): StoredLinear {
    return {
      path,
      shape,
      dtype: this.dtype,
      tensor: (name, shape, dtypes) => this.take(`${path}.${name}`, shape, dtypes),
      skip: (name) => this.#taken.add(`${path}.${name}`),
      requireFinite: (name, values) => this.options.finite?.add(`${path}.${name}`, values),
    }
  }
}

import type { DType } from '@llft/native'
import type { LinearWeight } from '../ops/linear-weight.js'
import type { Tensor } from '../tensor.js'

/** How a parameter starts when a model is made from nothing. */
export type Initialisation = 'normal' | 'ones' | 'zeros'

/** Where the parameters of a model that is being built come from: a checkpoint, or random numbers. */
export interface WeightSource {
  /** The compute type of the model. */
  readonly dtype: DType
  /** The tensor of this full name, of the compute type, owned by the caller. */
  tensor(name: string, shape: readonly number[], initialisation: Initialisation): Tensor
  /** The matrix [N, K] of the linear layer at `path`, in whatever form it is stored. */
  linearWeight(path: string, shape: readonly [number, number]): LinearWeight
}

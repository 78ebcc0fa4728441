import type { DType } from '@llft/native'
import type { LinearWeight } from '../ops/linear-weight.js'
import type { Tensor } from '../tensor.js'

/** What a checkpoint holds for one linear layer. */
export interface StoredLinear {
  /** Such as 'model.layers.0.self_attn.q_proj'. */
  readonly path: string
  /** [N, K] of the architecture. */
  readonly shape: readonly [number, number]
  /** The compute type of the model. */
  readonly dtype: DType
  /**
   * The tensor `path.name` as it is stored, mapped from the file; freed when the loader returns, unless it is kept.
   * @throws FormatError naming file and tensor if it is missing, of another shape or of no type that is allowed
   */
  tensor(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor
  /** Counts `path.name` as used, if it is there. */
  skip(name: string): void
  /** Lets the load fail, naming `path.name`, if `values`, which stand for it, are not finite. */
  requireFinite(name: string, values: Tensor): void
}

/** Makes the weight of a linear layer in another form than floats; undefined: floats. Tensors that it makes belong to a scope. */
export type LinearLoader = (stored: StoredLinear) => LinearWeight | undefined

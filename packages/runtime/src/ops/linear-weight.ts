import { noGrad } from '../autograd/tape.js'
import { keep } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { cast } from './elementwise.js'
import { type ForwardOptions, type LowRank, linearDx, linearForward } from './matmul.js'
import { sliceRows } from './movement.js'

/**
 * How the matrix W [N, K] of a linear layer is stored. Dense float weights are one form; quantised ones give the same
 * products from their codes. None of these methods takes part in the tape: the op `linear` does that.
 */
export interface LinearWeight {
  /** N. */
  readonly outFeatures: number
  /** K. */
  readonly inFeatures: number
  /** The matrix itself where it is stored as floats; the only form that can collect a gradient. */
  readonly dense: Tensor | undefined
  /** What to save and to count, by the name behind the layer's path, such as 'weight'. */
  tensors(): Iterable<readonly [name: string, tensor: Tensor]>
  /** y = x W^T + bias + scale * hidden matrix^T. x [..., K] -> y [..., N]. */
  forward(x: Tensor, options: ForwardOptions): Tensor
  /** dx = factor * dy W + hidden matrix. dy [..., N] -> dx [..., K]. */
  dx(dy: Tensor, factor: number, lowRank?: LowRank): Tensor
  /** Rows [start, start + count) of W as float32 [count, K], a copy. */
  rows(start: number, count: number): Tensor
  dispose(): void
}

/** float32 or bfloat16 [N, K]. Takes ownership of the tensor. */
export class DenseWeight implements LinearWeight {
  constructor(readonly dense: Tensor) {
    keep(dense)
  }

  get outFeatures(): number {
    return this.dense.shape[0] as number
  }

  get inFeatures(): number {
    return this.dense.shape[1] as number
  }

  *tensors(): Iterable<readonly [string, Tensor]> {
    yield ['weight', this.dense]
  }

  forward(x: Tensor, options: ForwardOptions): Tensor {
    return linearForward(x, this.dense, options)
  }

  dx(dy: Tensor, factor: number, lowRank?: LowRank): Tensor {
    return linearDx(dy, this.dense, factor, lowRank)
  }

  rows(start: number, count: number): Tensor {
    return noGrad(() => {
      const part = sliceRows(this.dense, start, count)
      const copy = cast(part, 'float32')
      part.dispose()
      return copy
    })
  }

  dispose(): void {
    this.dense.dispose()
  }
}

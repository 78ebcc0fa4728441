import type { DType } from '@llft/native'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

// The three dense products of a linear layer, outside of the tape.

/** A low-rank addition that a matrix product takes in: hidden [T, R] with matrix [N, R] forward, [R, K] backward. */
export interface LowRank {
  hidden: Tensor
  matrix: Tensor
}

/** What a product of a weight may add and return. */
export interface ForwardOptions {
  /** [N], of x's type. */
  bias?: Tensor | undefined
  lowRank?: LowRank | undefined
  /** Factor of the low-rank addition. Default 1. */
  scale?: number | undefined
  /** Default: the type of x. */
  outDtype?: DType | undefined
}

/** y = x w^T + bias + scale * hidden matrix^T. x [..., K], w [N, K], of one type -> [..., N]. */
export function linearForward(x: Tensor, w: Tensor, options: ForwardOptions = {}): Tensor {
  const { bias, lowRank, scale = 1, outDtype = x.dtype } = options
  const handle = native().linear(
    x.handle,
    w.handle,
    bias?.handle ?? null,
    lowRank?.hidden.handle ?? null,
    lowRank?.matrix.handle ?? null,
    scale,
    outDtype,
  )
  return new Tensor(handle)
}

/** dx = factor * dy w + hidden matrix. dy [..., N], w [N, K] -> [..., K]. */
export function linearDx(dy: Tensor, w: Tensor, factor: number, lowRank?: LowRank): Tensor {
  const { hidden, matrix } = lowRank ?? {}
  return new Tensor(
    native().linearDx(dy.handle, w.handle, factor, hidden?.handle ?? null, matrix?.handle ?? null),
  )
}

/** dw = factor * dy^T x. dy [T, N], x [T, K] -> float32 [N, K]. */
export function linearDw(dy: Tensor, x: Tensor, factor: number): Tensor {
  return new Tensor(native().linearDw(dy.handle, x.handle, factor))
}

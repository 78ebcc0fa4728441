import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** AdamW as torch.optim.AdamW; `step` counts from 1. */
export interface AdamWOptions {
  lr: number
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
  step: number
}

/** A parameter, its gradient and its moments: float32, of one shape. */
export interface AdamWState {
  param: Tensor
  grad: Tensor
  m: Tensor
  v: Tensor
  /** float32 [1], multiplied into the gradient. */
  gradFactor: Tensor
}

/** One step of AdamW (Loshchilov and Hutter 2019), in place. */
export function adamwStep(state: AdamWState, options: AdamWOptions): void {
  const { param, grad, m, v, gradFactor } = state
  const { lr, beta1, beta2, eps, weightDecay, step } = options
  native().adamwStep(
    param.handle,
    grad.handle,
    m.handle,
    v.handle,
    gradFactor.handle,
    lr,
    beta1,
    beta2,
    eps,
    weightDecay,
    step,
  )
}

/** SGD as torch.optim.SGD without Nesterov; `step` counts from 1. */
export interface SgdOptions {
  lr: number
  momentum: number
  weightDecay: number
  step: number
}

export interface SgdState {
  param: Tensor
  grad: Tensor
  /** float32, of the parameter's shape; undefined where momentum is 0. */
  momentumBuffer: Tensor | undefined
  /** float32 [1], multiplied into the gradient. */
  gradFactor: Tensor
}

/** One step of SGD, in place. */
export function sgdStep(state: SgdState, options: SgdOptions): void {
  const { param, grad, momentumBuffer, gradFactor } = state
  const { lr, momentum, weightDecay, step } = options
  native().sgdStep(
    param.handle,
    grad.handle,
    momentumBuffer?.handle ?? null,
    gradFactor.handle,
    lr,
    momentum,
    weightDecay,
    step,
  )
}

/**
 * From the sum of squares of the raw gradients: norm = sqrt(sum) / count and
 * factor = min(1, maxNorm / (norm + 1e-6)) / count, float32 [1] each; maxNorm <= 0 does not clip.
 */
export function clipFactor(
  sumSquares: Tensor,
  count: number,
  maxNorm: number,
): { factor: Tensor; norm: Tensor } {
  const [factor, norm] = native().clipFactor(sumSquares.handle, count, maxNorm)
  return { factor: new Tensor(factor), norm: new Tensor(norm) }
}

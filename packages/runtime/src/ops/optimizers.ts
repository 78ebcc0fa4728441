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

/** The same with moments in 8 bits: uint8 of the parameter's shape, with float32 scales of 256 elements each. */
export interface AdamW8bitState extends AdamWState {
  mAbsmax: Tensor
  vAbsmax: Tensor
}

/** One step of AdamW with 8-bit moments (Dettmers et al. 2021), in place. */
export function adamw8bitStep(state: AdamW8bitState, options: AdamWOptions): void {
  const { param, grad, m, v, mAbsmax, vAbsmax, gradFactor } = state
  const { lr, beta1, beta2, eps, weightDecay, step } = options
  native().adamw8bitStep(
    param.handle,
    grad.handle,
    m.handle,
    v.handle,
    mAbsmax.handle,
    vAbsmax.handle,
    gradFactor.handle,
    lr,
    beta1,
    beta2,
    eps,
    weightDecay,
    step,
  )
}

export interface LionOptions {
  lr: number
  beta1: number
  beta2: number
  weightDecay: number
}

/** One step of Lion (Chen et al. 2023), in place; all float32 of one shape. */
export function lionStep(state: Omit<AdamWState, 'v'>, options: LionOptions): void {
  const { param, grad, m, gradFactor } = state
  const { lr, beta1, beta2, weightDecay } = options
  native().lionStep(
    param.handle,
    grad.handle,
    m.handle,
    gradFactor.handle,
    lr,
    beta1,
    beta2,
    weightDecay,
  )
}

export interface AdafactorOptions {
  lr: number
  beta1: number
  /** Of this step. */
  beta2: number
  eps1: number
  eps2: number
  clipThreshold: number
  scaleParameter: boolean
  weightDecay: number
}

/** A parameter, its gradient, and row [R] and column [C] of a matrix [R, C], or v of anything else: float32. */
export interface AdafactorState {
  param: Tensor
  grad: Tensor
  row: Tensor | undefined
  column: Tensor | undefined
  v: Tensor | undefined
  /** Of the parameter's shape; undefined without a first moment. */
  m: Tensor | undefined
  /** float32 [1], multiplied into the gradient. */
  gradFactor: Tensor
}

/** One step of Adafactor (Shazeer and Stern 2018), in place. */
export function adafactorStep(state: AdafactorState, options: AdafactorOptions): void {
  const { param, grad, row, column, v, m, gradFactor } = state
  native().adafactorStep(
    param.handle,
    grad.handle,
    row?.handle ?? null,
    column?.handle ?? null,
    v?.handle ?? null,
    m?.handle ?? null,
    gradFactor.handle,
    options.lr,
    options.beta1,
    options.beta2,
    options.eps1,
    options.eps2,
    options.clipThreshold,
    options.scaleParameter,
    options.weightDecay,
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

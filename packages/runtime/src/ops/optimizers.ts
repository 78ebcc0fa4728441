import type { AdafactorRates, AdamwRates, LionRates, SgdRates } from '@llft/native'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** `step` counts from 1. */
export type AdamWOptions = AdamwRates

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
  native().adamwStep(param.handle, grad.handle, m.handle, v.handle, gradFactor.handle, options)
}

/** The same with moments in 8 bits: uint8 of the parameter's shape, with float32 scales of 256 elements each. */
export interface AdamW8bitState extends AdamWState {
  mAbsmax: Tensor
  vAbsmax: Tensor
}

/** One step of AdamW with 8-bit moments (Dettmers et al. 2021), in place. */
export function adamw8bitStep(state: AdamW8bitState, options: AdamWOptions): void {
  const { param, grad, m, v, mAbsmax, vAbsmax, gradFactor } = state
  native().adamw8bitStep(
    param.handle,
    grad.handle,
    m.handle,
    v.handle,
    mAbsmax.handle,
    vAbsmax.handle,
    gradFactor.handle,
    options,
  )
}

export type LionOptions = LionRates

/** One step of Lion (Chen et al. 2023), in place; all float32 of one shape. */
export function lionStep(state: Omit<AdamWState, 'v'>, options: LionOptions): void {
  const { param, grad, m, gradFactor } = state
  native().lionStep(param.handle, grad.handle, m.handle, gradFactor.handle, options)
}

export type AdafactorOptions = AdafactorRates

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
    options,
  )
}

/** `step` counts from 1. */
export type SgdOptions = SgdRates

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
  native().sgdStep(
    param.handle,
    grad.handle,
    momentumBuffer?.handle ?? null,
    gradFactor.handle,
    options,
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

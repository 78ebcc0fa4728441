import { asType } from '../ops/elementwise.js'
import { addRmsNorm, type NormalisedSum, rmsNorm } from '../ops/rms-norm.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { toMaster } from './master.js'
import { Module } from './module.js'

/** Root-mean-square norm over the last axis, with a weight for each column. */
export class RmsNorm extends Module {
  /** @param weight [C], owned by the module. */
  constructor(
    public weight: Tensor,
    readonly eps: number,
  ) {
    super()
  }

  override *ownParameters(): Iterable<readonly [string, Tensor]> {
    yield ['weight', this.weight]
  }

  override setTrainable(trainable: boolean): void {
    if (trainable) this.weight = toMaster(this.weight)
    this.weight.requiresGrad = trainable
  }

  /** x [..., C] -> [..., C]. */
  forward(x: Tensor): Tensor {
    return scope(() => rmsNorm(x, asType(this.weight, x.dtype), this.eps))
  }

  /** The norm of x + residual, and that sum; without a residual, the norm of x and x itself. */
  addForward(x: Tensor, residual: Tensor | undefined): NormalisedSum {
    if (residual === undefined) return { y: this.forward(x), sum: x }
    return scope(() => addRmsNorm(x, residual, asType(this.weight, x.dtype), this.eps))
  }
}

import type { DType } from '@llft/native'
import { asType } from '../ops/elementwise.js'
import { embedding } from '../ops/embedding.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { toMaster } from './master.js'
import { Module } from './module.js'

/** A table of token vectors [V, D]. */
export class Embedding extends Module {
  /** @param weight owned by the module. */
  constructor(public weight: Tensor) {
    super()
  }

  override *ownParameters(): Iterable<readonly [string, Tensor]> {
    yield ['weight', this.weight]
  }

  override setTrainable(trainable: boolean): void {
    if (trainable) this.weight = toMaster(this.weight)
    this.weight.requiresGrad = trainable
  }

  /** ids int32 [T] -> [T, D] of type `dtype`. */
  forward(ids: Tensor, dtype: DType): Tensor {
    return scope(() => asType(embedding(this.weight, ids), dtype))
  }
}

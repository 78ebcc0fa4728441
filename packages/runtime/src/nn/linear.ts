import { ConfigError } from '@llft/errors'
import type { DType } from '@llft/native'
import { asType } from '../ops/elementwise.js'
import { type LoraArguments, linear } from '../ops/linear.js'
import { DenseWeight, type LinearWeight } from '../ops/linear-weight.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import type { Embedding } from './embedding.js'
import { toMaster } from './master.js'
import { Module } from './module.js'
import type { RowContext } from './row-context.js'

/** What a linear layer may be asked for besides W x + bias. */
export interface LinearCall {
  /** An adapter, added in the same accumulation. */
  lora?: LoraArguments | undefined
  /** Default: the type of x. */
  outDtype?: DType | undefined
  /** Leaves the bias out. Default false. */
  withoutBias?: boolean | undefined
}

/** Whatever stands where the architecture has a linear layer: y = W x + bias, or that with an adapter. */
export abstract class LinearModule extends Module {
  abstract readonly inFeatures: number
  abstract readonly outFeatures: number
  /** x [T, in] -> [T, out]. @param context of the rows of x: what is added may differ from row to row. */
  abstract forward(x: Tensor, context: RowContext, call?: LinearCall): Tensor
  /** The matrix [out, in], if the layer is nothing but a product with it; else undefined. */
  abstract plainWeight(): Tensor | undefined
}

/** y = x W^T + bias. W is stored in any form; a trainable one is a float32 master that is cast for each use. */
export class Linear extends LinearModule {
  #weight: LinearWeight

  /** @param bias [out]; both are owned by the layer. */
  constructor(
    weight: LinearWeight,
    public bias: Tensor | undefined = undefined,
  ) {
    super()
    this.#weight = weight
  }

  get weight(): LinearWeight {
    return this.#weight
  }

  /** Does not dispose of the former weight. */
  set weight(weight: LinearWeight) {
    this.#weight = weight
  }

  get inFeatures(): number {
    return this.weight.inFeatures
  }

  get outFeatures(): number {
    return this.weight.outFeatures
  }

  override *ownParameters(): Iterable<readonly [string, Tensor]> {
    yield* this.weight.tensors()
    if (this.bias !== undefined) yield ['bias', this.bias]
  }

  override setTrainable(trainable: boolean): void {
    const { dense } = this.weight
    if (trainable && dense === undefined) {
      throw new ConfigError(
        'setTrainable: a weight that trains must be stored as floats; got a quantised one. Train an adapter, or load float weights.',
      )
    }
    if (trainable && dense !== undefined) {
      const master = toMaster(dense)
      if (master !== dense) this.weight = new DenseWeight(master)
    }
    this.setBiasTrainable(trainable)
    if (dense !== undefined && this.weight.dense) this.weight.dense.requiresGrad = trainable
  }

  /** The bias alone, as a float32 master. */
  setBiasTrainable(trainable: boolean): void {
    if (this.bias === undefined) return
    if (trainable) this.bias = toMaster(this.bias)
    this.bias.requiresGrad = trainable
  }

  forward(
    x: Tensor,
    _context: RowContext,
    { lora, outDtype, withoutBias = false }: LinearCall = {},
  ): Tensor {
    return scope(() => {
      const { dense } = this.weight
      const weight =
        dense === undefined || dense.dtype === x.dtype ? this.weight : asType(dense, x.dtype)
      const bias = this.bias === undefined || withoutBias ? undefined : asType(this.bias, x.dtype)
      return linear(x, weight, { bias, lora, outDtype })
    })
  }

  plainWeight(): Tensor | undefined {
    return this.bias === undefined ? this.weight.dense : undefined
  }
}

/** An output head that shares the matrix of the token embedding. It owns nothing. */
export class TiedLinear extends Linear {
  constructor(private readonly embedding: Embedding) {
    super(new DenseWeight(embedding.weight))
  }

  override get weight(): LinearWeight {
    return new DenseWeight(this.embedding.weight)
  }

  override set weight(_: LinearWeight) {
    throw new TypeError('lm_head: a tied head has no weight of its own. Set that of embed_tokens.')
  }

  override *ownParameters(): Iterable<readonly [string, Tensor]> {}

  override setTrainable(trainable: boolean): void {
    this.embedding.setTrainable(trainable)
  }
}

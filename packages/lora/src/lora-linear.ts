import {
  asType,
  DenseWeight,
  type DType,
  keep,
  Linear,
  type LinearCall,
  LinearModule,
  type LinearWeight,
  type LoraArguments,
  noGrad,
  type RowContext,
  scope,
  type Tensor,
  tracked,
} from '@llft/runtime'
import type { AdapterSize } from './adapter-size.js'
import type { AdapterMatrices } from './adapter-weights.js'
import {
  doraForward,
  magnitudeFactor,
  rowNormsWithAdapter,
  scaleRows,
  weightWithAdapter,
} from './dora.js'

export interface LoraLinearOptions {
  size: AdapterSize
  matrices: AdapterMatrices
  /** Probability of dropout on the adapter's input. */
  dropout: number
  /** Whether the magnitude of each output is a parameter of its own. */
  useDora: boolean
}

/**
 * y = W x + bias + scale B A dropout(x) (Hu et al. 2021), in place of a linear layer, which becomes the child
 * `base_layer`. A [r, in] and B [out, r] are float32 masters, cast to the type of x for each use.
 *
 * With DoRA (Liu et al. 2024) a magnitude m [out] scales each row of W + scale B A to its length.
 * Dropout acts only where the gradient of the adapter is wanted, so never in evaluation or generation.
 */
export class LoraLinear extends LinearModule {
  readonly size: AdapterSize
  readonly dropout: number
  readonly a: Tensor
  readonly b: Tensor
  /** float32 [out], with DoRA. */
  readonly magnitude: Tensor | undefined
  #unmerged: LinearWeight | undefined

  /** Takes ownership of `base` and the matrices. */
  constructor(base: Linear, options: LoraLinearOptions) {
    super()
    this.addChild('base_layer', base)
    this.size = options.size
    this.dropout = options.dropout
    this.a = options.matrices.a
    this.b = options.matrices.b
    this.magnitude = options.useDora
      ? keep(scope(() => rowNormsWithAdapter(base, this.lora(0))))
      : undefined
    this.setTrainable(true)
  }

  get base(): Linear {
    return this.child('base_layer', Linear)
  }

  get inFeatures(): number {
    return this.base.inFeatures
  }

  get outFeatures(): number {
    return this.base.outFeatures
  }

  /** Parameters of the adapter, by the names that PEFT gives them. */
  *adapterTensors(): Iterable<readonly [string, Tensor]> {
    yield ['lora_A.weight', this.a]
    yield ['lora_B.weight', this.b]
    if (this.magnitude !== undefined) yield ['lora_magnitude_vector', this.magnitude]
  }

  /** The adapter, and the weight that `merge` put aside, so that whoever frees the model frees it too. */
  override *ownParameters(): Iterable<readonly [string, Tensor]> {
    yield* this.adapterTensors()
    for (const [name, tensor] of this.#unmerged?.tensors() ?? []) yield [`unmerged.${name}`, tensor]
  }

  override setTrainable(trainable: boolean): void {
    for (const [, tensor] of this.adapterTensors()) tensor.requiresGrad = trainable
  }

  /** The adapter as the op `linear` takes it. */
  lora(dropout: number): LoraArguments {
    return { a: this.a, b: this.b, scale: this.size.scale, dropout }
  }

  forward(x: Tensor, context: RowContext, call: LinearCall = {}): Tensor {
    if (this.merged) return this.base.forward(x, context, call)
    const dropout = tracked(this.a) || tracked(this.b) ? this.dropout : 0
    const lora = this.lora(dropout)
    if (this.magnitude === undefined) return this.base.forward(x, context, { ...call, lora })
    return doraForward(this.base, this.magnitude, lora, { x, context, call })
  }

  /** Whether the base weight contains the adapter, which then is not added again. */
  get merged(): boolean {
    return this.#unmerged !== undefined
  }

  /** The weight [out, in] with the adapter in it, of type `dtype`; the caller owns it. */
  mergedWeight(dtype: DType): Tensor {
    const { base, magnitude } = this
    const lora = this.lora(0)
    return noGrad(() =>
      scope(() => {
        const sum = weightWithAdapter(base, lora)
        if (magnitude === undefined) return asType(sum, dtype)
        return asType(scaleRows(sum, magnitudeFactor(base, magnitude, lora)), dtype)
      }),
    )
  }

  /** Puts the adapter into the base weight, of the type in which that is stored; the old weight is kept. */
  merge(): void {
    const { base } = this
    const merged = this.mergedWeight(base.weight.dense?.dtype ?? 'float32')
    this.#unmerged = base.weight
    base.weight = new DenseWeight(merged)
  }

  /** Puts the base weight of before `merge` back. */
  unmerge(): void {
    if (this.#unmerged === undefined) return
    this.base.weight.dispose()
    this.base.weight = this.#unmerged
    this.#unmerged = undefined
  }

  plainWeight(): Tensor | undefined {
    return this.merged ? this.base.plainWeight() : undefined
  }
}

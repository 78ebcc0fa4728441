import { keep, scope, Tensor, wholeBlocks } from '@llft/runtime'
import type { InitLoraWeights } from './config.js'

/** The two matrices of an adapter, float32. */
export interface AdapterMatrices {
  /** [r, in]. */
  a: Tensor
  /** [out, r]. */
  b: Tensor
}

/** Draws the matrices of one adapter after another from one stream of random numbers. */
export class AdapterInitialiser {
  #offset = 0

  constructor(
    private readonly init: InitLoraWeights,
    private readonly seed: number,
  ) {}

  /**
   * A ~ U(-1/sqrt(in), 1/sqrt(in)), which is Kaiming's uniform with a = sqrt(5), or N(0, 1/r^2) for 'gaussian';
   * B = 0, or U(-1/sqrt(r), 1/sqrt(r)) for false.
   */
  draw(outFeatures: number, inFeatures: number, r: number): AdapterMatrices {
    return scope(() => {
      const a =
        this.init === 'gaussian'
          ? Tensor.normal([r, inFeatures], { std: 1 / r, ...this.take(r * inFeatures) })
          : this.uniform([r, inFeatures], inFeatures)
      const b =
        this.init === false ? this.uniform([outFeatures, r], r) : Tensor.zeros([outFeatures, r])
      return { a: keep(a), b: keep(b) }
    })
  }

  private uniform(shape: readonly [number, number], fanIn: number): Tensor {
    const bound = 1 / Math.sqrt(fanIn)
    return Tensor.uniform(shape, { low: -bound, high: bound, ...this.take(shape[0] * shape[1]) })
  }

  private take(count: number): { seed: number; offset: number } {
    const offset = this.#offset
    this.#offset += wholeBlocks(count)
    return { seed: this.seed, offset }
  }
}

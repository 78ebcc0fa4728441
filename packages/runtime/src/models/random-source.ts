import type { DType } from '@llft/native'
import { wholeBlocks } from '../autograd/random.js'
import { DenseWeight, type LinearWeight } from '../ops/linear-weight.js'
import { keep } from '../scope.js'
import { Tensor } from '../tensor.js'
import type { Initialisation, WeightSource } from './weight-source.js'

/** Parameters drawn from N(0, std); norms are 1, biases 0. Each name has random numbers of its own. */
export class RandomSource implements WeightSource {
  #offset = 0

  constructor(
    readonly dtype: DType,
    private readonly seed: number,
    private readonly std: number,
  ) {}

  tensor(_: string, shape: readonly number[], initialisation: Initialisation): Tensor {
    if (initialisation !== 'normal') {
      return keep(Tensor.full(shape, initialisation === 'ones' ? 1 : 0, this.dtype))
    }
    const { seed, std, dtype } = this
    const tensor = keep(Tensor.normal(shape, { std, seed, dtype, offset: this.#offset }))
    this.#offset += wholeBlocks(tensor.size)
    return tensor
  }

  linearWeight(path: string, shape: readonly [number, number]): LinearWeight {
    return new DenseWeight(this.tensor(`${path}.weight`, shape, 'normal'))
  }
}

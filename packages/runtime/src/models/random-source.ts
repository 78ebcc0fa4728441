import { createHash } from 'node:crypto'
import type { DType } from '@llft/native'
import { DenseWeight, type LinearWeight } from '../ops/linear-weight.js'
import { keep } from '../scope.js'
import { Tensor } from '../tensor.js'
import type { Initialisation, WeightSource } from './weight-source.js'

/**
 * Parameters drawn from N(0, std); norms are 1, biases 0. Seed and name alone decide the numbers of a parameter, so a
 * layer more, or another order of building, changes no other.
 */
export class RandomSource implements WeightSource {
  constructor(
    readonly dtype: DType,
    private readonly seed: number,
    private readonly std: number,
  ) {}

  tensor(name: string, shape: readonly number[], initialisation: Initialisation): Tensor {
    const { std, dtype } = this
    if (initialisation !== 'normal') {
      return keep(Tensor.full(shape, initialisation === 'ones' ? 1 : 0, dtype))
    }
    return keep(Tensor.normal(shape, { std, seed: this.seedOf(name), dtype }))
  }

  linearWeight(path: string, shape: readonly [number, number]): LinearWeight {
    return new DenseWeight(this.tensor(`${path}.weight`, shape, 'normal'))
  }

  /** A stream of its own for each name: 48 bits, which two names of one model share about once in 10^9 models. */
  private seedOf(name: string): number {
    const digest = createHash('sha256').update(`${this.seed} ${name}`).digest()
    return digest.readUIntBE(0, 6)
  }
}

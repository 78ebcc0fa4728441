import { type RandomState, takeRandom } from '../autograd/random.js'
import { record } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/**
 * Zeroes elements with probability p and scales the others by 1 / (1 - p) (Srivastava et al. 2014). Draws from the
 * ambient stream of `setRandomState`. p = 0 returns x itself.
 */
export function dropout(x: Tensor, p: number): Tensor {
  if (p === 0) return x
  const random = takeRandom(x.size)
  const y = maskedBy(x, p, random)
  record({ inputs: [x], output: y, saved: [], backward: (dy) => [maskedBy(dy, p, random)] })
  return y
}

/** The same mask for the same state: dropout is its own backward. Outside of the tape. */
export function maskedBy(x: Tensor, p: number, random: RandomState): Tensor {
  return new Tensor(native().dropout(x.handle, p, random.seed, random.offset))
}

import { takeRandom } from '../autograd/random.js'
import { native } from '../native.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { add } from './elementwise.js'
import { sliceRows } from './movement.js'

/**
 * NEFTune (Jain et al. 2024): the embeddings x [T, D] plus noise that is uniform in [-m, m), m = alpha / sqrt(L D) for a
 * sequence of L tokens. transformers' `neftune_post_forward_hook` takes the padded length of the batch for L; here each
 * sequence has its own, as in the paper. Draws from the ambient stream of `setRandomState`.
 *
 * @param cuSeqlens [B + 1] where each sequence starts; the last is T
 * @param alpha from 0 up; 0 returns x itself
 */
export function addEmbeddingNoise(x: Tensor, cuSeqlens: Int32Array, alpha: number): Tensor {
  return alpha === 0 ? x : scope(() => add(x, noiseLike(x, cuSeqlens, alpha)))
}

function noiseLike(x: Tensor, cuSeqlens: Int32Array, alpha: number): Tensor {
  const width = x.shape[1] as number
  const { seed, offset } = takeRandom(x.size)
  const noise = Tensor.empty(x.shape, x.dtype)
  for (const [sequence, start] of cuSeqlens.subarray(0, -1).entries()) {
    const length = (cuSeqlens[sequence + 1] as number) - start
    const size = alpha / Math.sqrt(length * width)
    // `offset` counts blocks of four, as dropout's does.
    const first = 4 * offset + start * width
    const rows = sliceRows(noise, start, length)
    native().fillUniform(rows.handle, -size, size, seed, first)
  }
  return noise
}

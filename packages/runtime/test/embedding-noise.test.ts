import { describe, expect, it } from 'vitest'
import {
  addEmbeddingNoise,
  backward,
  batchOf,
  createModel,
  dropout,
  noGrad,
  parseConfig,
  randomState,
  reduceSum,
  scope,
  setRandomState,
  Tensor,
} from '../src/index.js'

const WIDTH = 48
/** Sequences of 30, 1 and 9 tokens. */
const CU_SEQLENS = Int32Array.of(0, 30, 31, 40)

/** The noise itself: what is added to zeros. */
async function noise(alpha: number, seed = 7, dtype: 'float32' | 'bfloat16' = 'float32') {
  setRandomState({ seed, offset: 0 })
  using zeros = Tensor.zeros([40, WIDTH], dtype)
  using noisy = addEmbeddingNoise(zeros, CU_SEQLENS, alpha)
  return [...(await noisy.read())]
}

const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs))

describe('addEmbeddingNoise', () => {
  it('is uniform within alpha / sqrt(L D) of each sequence', async () => {
    const values = await noise(5)
    for (const [sequence, start] of [0, 30, 31].entries()) {
      const end = CU_SEQLENS[sequence + 1] as number
      const own = values.slice(start * WIDTH, end * WIDTH)
      const size = 5 / Math.sqrt((end - start) * WIDTH)
      expect(largest(own)).toBeLessThanOrEqual(size * (1 + 2 ** -24))
      // Five standard deviations of the mean and of the mean square of n uniform draws.
      const n = own.length
      const mean = own.reduce((sum, value) => sum + value / size, 0) / n
      const square = own.reduce((sum, value) => sum + (value / size) ** 2, 0) / n
      expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(1 / 3 / n))
      expect(Math.abs(square - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / n))
    }
  })

  it('draws element by element from the stream, each sequence scaled alone', async () => {
    setRandomState({ seed: 7, offset: 100 })
    using zeros = Tensor.zeros([40, WIDTH])
    using noisy = addEmbeddingNoise(zeros, CU_SEQLENS, 5)
    const values = [...(await noisy.read())]
    // From the block at which dropout would begin here; a block is four draws.
    using draws = Tensor.uniform([40, WIDTH], { low: -1, high: 1, seed: 7, offset: 4 * 100 })
    const expected = [...(await draws.read())].map((draw, at) => {
      const length = at < 30 * WIDTH ? 30 : at < 31 * WIDTH ? 1 : 9
      return (draw * 5) / Math.sqrt(length * WIDTH)
    })
    // Two roundings of a number of at most 0.73: a draw, then its product.
    for (const [at, value] of values.entries()) {
      expect(Math.abs(value - (expected[at] as number))).toBeLessThan(0.73 * 2 ** -22)
    }
  })

  it('has the same bits for the same state, and others for another seed', async () => {
    expect(await noise(5)).toEqual(await noise(5))
    expect(await noise(5, 8)).not.toEqual(await noise(5, 7))
    expect(largest(await noise(5, 7, 'bfloat16'))).toBeGreaterThan(0)
  })

  it('takes its part of the stream that dropout draws from', async () => {
    using x = Tensor.full([40, WIDTH], 1)
    setRandomState({ seed: 7, offset: 0 })
    using _ = addEmbeddingNoise(x, CU_SEQLENS, 5)
    expect(randomState().offset).toBe(40 * WIDTH)
    using after = dropout(x, 0.5)
    setRandomState({ seed: 7, offset: 40 * WIDTH })
    using alone = dropout(x, 0.5)
    expect(await after.read()).toEqual(await alone.read())
  })

  it('passes gradients through as they are, and is nothing for alpha 0', async () => {
    using x = Tensor.full([40, WIDTH], 1)
    x.requiresGrad = true
    expect(addEmbeddingNoise(x, CU_SEQLENS, 0)).toBe(x)
    scope(() => backward(reduceSum(addEmbeddingNoise(x, CU_SEQLENS, 5))))
    expect(new Set(await (x.grad as Tensor).read())).toEqual(new Set([1]))
  })
})

describe('neftuneAlpha of a model', () => {
  const model = () =>
    createModel(
      parseConfig({
        model_type: 'llama',
        vocab_size: 16,
        hidden_size: 16,
        intermediate_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 2,
      }),
      { seed: 1, dtype: 'float32' },
    )
  const batch = { ...batchOf([[1, 2, 3, 4]]), targets: Int32Array.of(2, 3, 4, -100) }

  it('changes the loss where it is asked for, and takes nothing of the stream elsewhere', async () => {
    const llama = model()
    const lossOf = async (neftuneAlpha?: number) => {
      setRandomState({ seed: 3, offset: 0 })
      using loss = noGrad(() => llama.loss(batch, { neftuneAlpha })).loss
      return loss.item()
    }
    const plain = await lossOf()
    expect(randomState().offset).toBe(0)
    expect(await lossOf(0)).toBe(plain)
    const noisy = await lossOf(5)
    expect(noisy).not.toBe(plain)
    expect(await lossOf(5)).toBe(noisy)
    llama.dispose()
  })
})

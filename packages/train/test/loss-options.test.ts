import type { CausalLM, LossOptions, TokenBatch } from '@llft/runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TrainOptions, train, trainAllParameters } from '../src/index.js'
import { batchOfRows, tinyModel, tinyRows } from './tiny-model.js'

const BATCHES = [batchOfRows(tinyRows(3)), batchOfRows(tinyRows(5).slice(3))]
let model: CausalLM

beforeEach(() => {
  model = tinyModel()
  trainAllParameters(model)
})
afterEach(() => model.dispose())

function run(options: Partial<TrainOptions> = {}) {
  return train({
    model,
    batches: () => BATCHES,
    batchesPerEpoch: BATCHES.length,
    maxSteps: 3,
    learningRate: 1e-2,
    evalBatches: () => BATCHES,
    ...options,
  })
}

/** The same from the same start. */
async function again(options: Partial<TrainOptions> = {}) {
  model.dispose()
  model = tinyModel()
  trainAllParameters(model)
  return run(options)
}

describe('options of the loss', () => {
  it.each<LossOptions>([{ labelSmoothing: 0.1 }, { neftuneAlpha: 5 }])(
    '%j changes what is trained, and not how it is evaluated',
    async (options) => {
      const plain = await again()
      const other = await again(options)
      expect(other.losses[0]).not.toBe(plain.losses[0])
      expect(other.evalLosses[0]).toEqual(plain.evalLosses[0])
      expect(other.evalLosses.at(-1)).not.toEqual(plain.evalLosses.at(-1))
      expect((await again(options)).losses).toEqual(other.losses)
    },
  )

  it('the noise goes by the seed, and 0 is the same as nothing', async () => {
    const noisy = await again({ neftuneAlpha: 5 })
    expect((await again({ neftuneAlpha: 5, seed: 43 })).losses).not.toEqual(noisy.losses)
    const plain = await again()
    expect((await again({ neftuneAlpha: 0, labelSmoothing: 0 })).losses).toEqual(plain.losses)
  })

  it.each([
    [{ labelSmoothing: 1 }, /^train.labelSmoothing: must be below 1; got 1/],
    [{ labelSmoothing: -0.1 }, /^train.labelSmoothing: must be at least 0; got -0.1/],
    [{ neftuneAlpha: Number.NaN }, /^train.neftuneAlpha: must be a number; got NaN/],
    [{ labelsmoothing: 0.1 }, /Did you mean 'labelSmoothing'/],
  ])('refuses %j', async (options, message) => {
    await expect(run(options as Partial<TrainOptions>)).rejects.toThrow(message)
  })

  it('refuses those that the loss of the model would pass over', async () => {
    const loss = model.loss.bind(model)
    const other = Object.assign(model, {
      lossOptions: ['neftuneAlpha'] as const,
      loss: (batch: TokenBatch, options?: LossOptions) => loss(batch, options),
    })
    await expect(run({ model: other, labelSmoothing: 0.1 })).rejects.toThrow(
      'train.labelSmoothing: must be left out for a model whose loss does not have it; got 0.1.',
    )
    expect((await run({ model: other, neftuneAlpha: 5 })).steps).toBe(3)
  })
})

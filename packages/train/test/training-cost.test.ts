import { expect, it } from 'vitest'
import { flopsPerToken } from '../src/run/training-cost.js'
import { tinyModel } from './tiny-model.js'

// Two layers: q and o 16 x 16, k and v 8 x 16, three matrices 24 x 16.
const LAYERS = 2 * (2 * 256 + 2 * 128 + 3 * 384)
const HEAD = 32 * 16

it('counts two products of a frozen matrix and three of one that trains; the head for learnt tokens alone', () => {
  const model = tinyModel()
  expect(flopsPerToken(model, 0.5)).toBe(4 * (LAYERS + HEAD / 2))
  for (const [, module] of model.modules()) module.setTrainable(true)
  expect(flopsPerToken(model, 0.5)).toBe(6 * (LAYERS + HEAD / 2))
  model.dispose()
})

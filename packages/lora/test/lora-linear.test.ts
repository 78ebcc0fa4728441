import { join } from 'node:path'
import {
  backward,
  batchOf,
  type CausalLM,
  loadModel,
  memoryStats,
  setRandomState,
  synchronize,
} from '@llft/runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { injectLora, LoraLinear, type LoraOptions, mergeLora, removeLora } from '../src/index.js'
import { GOLDEN, largestDifference, logitsOf, valuesOf } from './fixture.js'

const BATCH = batchOf([
  [5, 17, 200, 3, 9, 44, 3],
  [7, 8, 9],
])
const WITH_TARGETS = {
  ...BATCH,
  targets: Int32Array.from([17, 200, 3, 9, 44, 3, -100, 8, 9, -100]),
}
let model: CausalLM

beforeEach(async () => {
  model = await loadModel(join(GOLDEN, 'qwen3-qknorm'), { dtype: 'float32' })
})

afterEach(() => model.dispose())

async function lossNow(): Promise<number> {
  const { loss } = model.loss(WITH_TARGETS)
  const value = await loss.item()
  loss.dispose()
  return value
}

describe('an adapter', () => {
  it.each([
    ['plain', {}],
    ['with rsLoRA and dropout', { useRslora: true, dropout: 0.3 }],
    ['with modules to save', { modulesToSave: ['embed_tokens', 'lm_head'] }],
  ] as [string, LoraOptions][])('%s changes no bit while B is 0', async (_, options) => {
    const before = await logitsOf(model, BATCH)
    injectLora(model, { targetModules: 'all-linear', ...options })
    expect(await logitsOf(model, BATCH)).toEqual(before)
  })

  it('with DoRA changes nothing but rounding while B is 0', async () => {
    const before = await logitsOf(model, BATCH)
    injectLora(model, { targetModules: 'all-linear', useDora: true })
    // m / |W| is 1 within two roundings, times the depth of the model.
    expect(largestDifference(await logitsOf(model, BATCH), before)).toBeLessThan(2e-5)
  })

  it('is gone after removeLora, bit by bit', async () => {
    const [before, weights] = [await logitsOf(model, BATCH), await valuesOf(model)]
    injectLora(model, { initLoraWeights: false, modulesToSave: ['norm'] })
    expect(await logitsOf(model, BATCH)).not.toEqual(before)
    mergeLora(model)
    removeLora(model)
    expect(await valuesOf(model)).toEqual(weights)
    expect(await logitsOf(model, BATCH)).toEqual(before)
  })

  it.each([false, true])('drops out in training only, by the seed (DoRA %s)', async (useDora) => {
    injectLora(model, {
      initLoraWeights: false,
      dropout: 0.5,
      useDora,
      targetModules: 'all-linear',
    })
    const dropping = async (seed: number) => {
      setRandomState({ seed, offset: 0 })
      return lossNow()
    }
    const first = await dropping(1)
    expect(await dropping(1)).toBe(first)
    expect(await dropping(2)).not.toBe(first)
    expect(await logitsOf(model, BATCH)).toEqual(await logitsOf(model, BATCH))
    for (const [, module] of model.modules()) module.setTrainable(false)
    expect(await dropping(1)).toBe(await dropping(2))
  })

  it('gets the same gradients when layers are recomputed, dropout included', async () => {
    injectLora(model, {
      initLoraWeights: false,
      dropout: 0.2,
      useDora: true,
      targetModules: 'all-linear',
    })
    const gradients = async () => {
      setRandomState({ seed: 9, offset: 0 })
      const { loss } = model.loss(WITH_TARGETS)
      backward(loss)
      loss.dispose()
      const read: number[][] = []
      for (const [, tensor] of model.parameters()) {
        if (tensor.grad) read.push([...(await tensor.grad.read())])
        tensor.clearGrad()
      }
      return read
    }
    const kept = await gradients()
    model.gradientCheckpointing = true
    expect(await gradients()).toEqual(kept)
    expect(kept).toHaveLength(3 * 14)
  })

  it('frees everything with the model, merged or not', async () => {
    await synchronize()
    const before = memoryStats()
    for (const merged of [false, true]) {
      const own = await loadModel(join(GOLDEN, 'llama3-gqa-rope'), { dtype: 'bfloat16' })
      injectLora(own, {
        useDora: true,
        modulesToSave: ['lm_head', 'embed_tokens'],
        targetModules: ['q_proj'],
      })
      if (merged) mergeLora(own)
      await logitsOf(own, BATCH)
      own.dispose()
    }
    await synchronize()
    const { handles, bytesInUse } = memoryStats()
    expect({ handles, bytesInUse }).toEqual({
      handles: before.handles,
      bytesInUse: before.bytesInUse,
    })
  })

  it('on a head that shares the embedding is not merged into it', async () => {
    injectLora(model, { targetModules: ['lm_head'], initLoraWeights: false })
    const head = model.getModule('lm_head')
    expect(head).toBeInstanceOf(LoraLinear)
    expect(await lossNow()).toBeGreaterThan(0)
    expect(() => mergeLora(model)).toThrow(/'lm_head' must have a weight of its own/)
  })
})

import { join } from 'node:path'
import { batchOf, type CausalLM, loadModel } from '@llft/runtime'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { injectLora, type LoraOptions, mergeLora, withoutAdapter } from '../src/index.js'
import { GOLDEN, logitsOf } from './fixture.js'

const BATCH = batchOf([[5, 17, 200, 3, 9, 44, 3]])
/** Random adapters that change the logits. */
const CHANGING: LoraOptions = { targetModules: 'all-linear', initLoraWeights: false }
let model: CausalLM

beforeEach(async () => {
  model = await loadModel(join(GOLDEN, 'qwen3-qknorm'), { dtype: 'float32' })
})

afterEach(() => model.dispose())

it.each([
  ['plain', {}],
  ['with DoRA', { useDora: true }],
  ['with modules to save', { modulesToSave: ['embed_tokens', 'norm'] }],
] as [string, LoraOptions][])(
  'an adapter, %s, steps aside and comes back, bit by bit',
  async (_, options) => {
    const base = await logitsOf(model, BATCH)
    injectLora(model, { ...CHANGING, ...options })
    const tuned = await logitsOf(model, BATCH)
    expect(tuned).not.toEqual(base)
    expect(await withoutAdapter(model, () => logitsOf(model, BATCH))).toEqual(base)
    expect(await logitsOf(model, BATCH)).toEqual(tuned)
  },
)

it('comes back where the work fails', async () => {
  injectLora(model, CHANGING)
  const tuned = await logitsOf(model, BATCH)
  const failing = withoutAdapter(model, () => Promise.reject(new Error('failed')))
  await expect(failing).rejects.toThrow('failed')
  expect(await logitsOf(model, BATCH)).toEqual(tuned)
})

it('refuses what is no longer the base', async () => {
  const nothing = () => undefined
  await expect(withoutAdapter(model, nothing)).rejects.toThrow('must have an adapter; got none')
  injectLora(model, CHANGING)
  mergeLora(model)
  await expect(withoutAdapter(model, nothing)).rejects.toThrow(/merged into .* Call unmergeLora/)
})

it('refuses biases of the adapter', async () => {
  const biased = await loadModel(join(GOLDEN, 'qwen2-bias'), { dtype: 'float32' })
  injectLora(biased, { ...CHANGING, bias: 'lora_only' })
  await expect(withoutAdapter(biased, () => undefined)).rejects.toThrow(/biases .* second time/)
  biased.dispose()
})

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QuantizationOptions } from '@llft/quant'
import { loadQuantizedModel, saveQuantizedModel } from '@llft/quant'
import { batchOf, memoryStats, synchronize } from '@llft/runtime'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  countTrainable,
  injectLora,
  type LoraTrainOptions,
  loadAdapter,
  loraTrain,
  mergeLora,
  type ReadyEvent,
  removeLora,
  unmergeLora,
} from '../src/index.js'
import { largestDifference, logitsOf } from './fixture.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

let model: string
let output: string

beforeEach(async () => {
  model = await tinyCheckpoint()
  output = await mkdtemp(join(tmpdir(), 'llft-qlora-'))
})

afterEach(async () => {
  await rm(model, { recursive: true })
  await rm(output, { recursive: true })
  await rm(`${output}-quantised`, { recursive: true, force: true })
})

async function run(options: Partial<LoraTrainOptions>) {
  let ready: ReadyEvent | undefined
  const result = await loraTrain({
    model,
    data: questions(8).map(({ question, answer }) => ({ instruction: question, output: answer })),
    output,
    maxSteps: 12,
    learningRate: 1e-2,
    onEvent: (event) => {
      if (event.type === 'ready') ready = event
    },
    ...options,
  })
  return { result, ready: ready as ReadyEvent }
}

it.each(['nf4', 'fp4', 'int8'] as const)('learns on a base in %s, and says so', async (format) => {
  await synchronize()
  const { handles, bytesInUse } = memoryStats()
  const { result, ready } = await run({ quantization: { format } })
  expect(ready.quantization).toMatch(new RegExp(`^${format}, `))
  const { losses } = result
  expect(losses.at(-1) as number).toBeLessThan(0.8 * (losses[0] as number))
  expect({ ...memoryStats() }).toMatchObject({ handles, bytesInUse })
})

it('takes BitsAndBytesConfig, and checkpoints that are quantised already', async () => {
  const first = await run({ quantization: { load_in_4bit: true, bnb_4bit_use_double_quant: true } })
  const quantized = await loadQuantizedModel(model)
  const folder = `${output}-quantised`
  await saveQuantizedModel(folder, quantized)
  quantized.dispose()
  const second = await run({ model: folder })
  expect(second.ready.quantization).toBe(first.ready.quantization)
  expect(second.result.losses).toEqual(first.result.losses)
})

it('counts the weights that the codes stand for', async () => {
  const { result: floats } = await run({ maxSteps: 1 })
  const { result: codes } = await run({ maxSteps: 1, quantization: 'nf4' })
  expect(codes.totalParameters).toBe(floats.totalParameters)
})

it('merges into floats and out again, bit by bit', async () => {
  await run({ quantization: 'nf4' })
  const base = await loadQuantizedModel(model, { dtype: 'float32' })
  await loadAdapter(base, output)
  const batch = batchOf([[5, 6, 7, 8]])
  const adapted = await logitsOf(base, batch)
  mergeLora(base)
  // Each weight is rounded once more, at 2^-24 of its size, in a model of two layers.
  expect(largestDifference(await logitsOf(base, batch), adapted)).toBeLessThan(1e-4)
  unmergeLora(base)
  expect(await logitsOf(base, batch)).toEqual(adapted)
  removeLora(base)
  base.dispose()
})

it('trains the adapter alone', async () => {
  const base = await loadQuantizedModel(model)
  injectLora(base, { r: 4, targetModules: 'all-linear' })
  const { trainable } = countTrainable(base)
  // Two layers of q, k, v, o, gate, up, down: r (in + out) each.
  expect(trainable).toBe(2 * 4 * (64 + 48 + 48 + 64 + 80 + 80 + 80))
  removeLora(base)
  base.dispose()
})

it.each<[Partial<LoraTrainOptions>, RegExp]>([
  [
    { quantization: { blocksize: 64 } as QuantizationOptions },
    /loraTrain.quantization: .*Did you mean 'blockSize'/,
  ],
  [{ quantization: { blockSize: 48 } }, /loraTrain.quantization.blockSize: must be 32, 64/],
])('refuses %j before any work', async (options, message) => {
  await expect(run(options)).rejects.toThrow(message)
})

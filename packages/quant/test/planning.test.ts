import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dryRun, type LanguageModel, loadModel, planModel, saveModel } from '@llft/runtime'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { loadQuantizedModel, quantizedLoader, saveQuantizedModel } from '../src/index.js'

// A machine that multiplies bfloat16: there alone does 'auto' depend on how a checkpoint is stored.
vi.mock('../../runtime/src/device.js', async (original) => {
  const device = await original<typeof import('../../runtime/src/device.js')>()
  return { ...device, deviceInfo: () => ({ ...device.deviceInfo(), isa: 'avx512bf16' }) }
})

const SOURCE = fileURLToPath(
  new URL('../../../tests/golden/models/llama3-gqa-rope', import.meta.url),
)
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llft-planning-'))
})

afterEach(() => rm(folder, { recursive: true }))

function parametersOf(model: LanguageModel) {
  return [...model.parameters()].map(([name, { shape, dtype }]) => ({ name, shape, dtype }))
}

it.each(['float32', 'bfloat16'] as const)(
  'plans a float checkpoint in %s in the type in which it is loaded',
  async (dtype) => {
    const model = await loadModel(SOURCE, { dtype: 'float32' })
    await saveModel(folder, model, { dtype })
    model.dispose()
    const plan = await planModel(folder)
    const loaded = await loadModel(folder)
    expect([plan.dtype, loaded.dtype]).toEqual([dtype, dtype])
    loaded.dispose()
  },
)

it.each([
  ['float32', 'nf4'],
  ['float32', 'int8'],
  ['bfloat16', 'nf4'],
] as const)(
  'plans a bitsandbytes checkpoint in %s and %s in the type in which it is loaded',
  async (dtype, quantization) => {
    const model = await loadQuantizedModel(SOURCE, { dtype: 'float32', quantization })
    await saveQuantizedModel(folder, model, { dtype })
    model.dispose()
    const { loadLinear } = await quantizedLoader(folder)
    const plan = await planModel(folder, { loadLinear })
    const loaded = await loadQuantizedModel(folder)
    expect([plan.dtype, loaded.dtype]).toEqual([dtype, dtype])
    const planned = dryRun(() => {
      const built = plan.build()
      const parameters = parametersOf(built)
      built.dispose()
      return parameters
    }).value
    expect(planned).toEqual(parametersOf(loaded))
    loaded.dispose()
  },
)

it('computes in the type that is asked for, also where the weights are quantised already', async () => {
  const model = await loadQuantizedModel(SOURCE, { dtype: 'float32', quantization: 'nf4' })
  await saveQuantizedModel(folder, model)
  model.dispose()
  const quantization = { format: 'nf4', computeDtype: 'bfloat16' } as const
  const loaded = await loadQuantizedModel(folder, { quantization })
  expect(loaded.dtype).toBe('bfloat16')
  loaded.dispose()
  expect((await quantizedLoader(folder, quantization)).config.computeDtype).toBe('bfloat16')
})

it('refuses codes where loading refuses them', async () => {
  const model = await loadQuantizedModel(SOURCE, { dtype: 'float32', quantization: 'nf4' })
  await saveQuantizedModel(folder, model)
  model.dispose()
  await expect(planModel(folder)).rejects.toThrow(/Call loadQuantizedModel/)
})

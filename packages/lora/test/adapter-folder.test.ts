import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LlftWarning } from '@llft/errors'
import { batchOf, type CausalLM, loadModel } from '@llft/runtime'
import { SafetensorsFile, type TensorSource, writeSafetensors } from '@llft/safetensors'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { injectLora, loadAdapter, saveAdapter, saveMerged } from '../src/index.js'
import { GOLDEN, logitsOf, readTensors, valuesOf } from './fixture.js'

const BASE = join(GOLDEN, 'llama3-gqa-rope')
const ADAPTER = join(BASE, 'adapter')
const WEIGHTS = 'adapter_model.safetensors'
const CONFIG = 'adapter_config.json'
const BATCH = batchOf([[5, 17, 200, 3]])

let model: CausalLM
let folder: string

beforeEach(async () => {
  model = await loadModel(BASE, { dtype: 'float32' })
  folder = await mkdtemp(join(tmpdir(), 'llft-adapter-'))
  await cp(ADAPTER, folder, { recursive: true })
})

afterEach(async () => {
  model.dispose()
  await rm(folder, { recursive: true })
})

/** Writes the adapter's tensors again, each as `change` returns it, or not at all. */
async function rewrite(change: (tensor: TensorSource) => TensorSource | undefined): Promise<void> {
  const file = await SafetensorsFile.open(join(ADAPTER, WEIGHTS))
  const sources: TensorSource[] = []
  for (const { name, dtype, shape } of file.tensors.values()) {
    const changed = change({ name, dtype, shape, data: await file.read(name) })
    if (changed) sources.push(changed)
  }
  await writeSafetensors(join(folder, WEIGHTS), sources)
}

async function editConfig(change: Record<string, unknown>): Promise<void> {
  const json = JSON.parse(await readFile(join(ADAPTER, CONFIG), 'utf8'))
  await writeFile(join(folder, CONFIG), JSON.stringify({ ...json, ...change }))
}

const Q = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'

it('checks options before anything is read or written', async () => {
  await expect(loadAdapter(model, 'nowhere', { trainible: true } as object)).rejects.toThrow(
    "loadAdapter: must have known options only; got 'trainible'. Did you mean 'trainable'?",
  )
  await expect(saveAdapter(model, folder, { notes: { loss: true as never } })).rejects.toThrow(
    'saveAdapter.notes.loss: must be a text or a number; got true.',
  )
  await expect(saveMerged(model, folder, { dtype: 'float16' as 'float32' })).rejects.toThrow(
    "saveMerged.dtype: must be 'float32' or 'bfloat16'; got 'float16'.",
  )
})

describe('loadAdapter', () => {
  it.each([
    ['without the prefix', (name: string) => name.replace('base_model.model.', '')],
    ['with the name of the adapter', (name: string) => name.replace(/(lora_[AB])/, '$1.default')],
  ])('takes keys %s', async (_, rename) => {
    await loadAdapter(model, ADAPTER)
    const expected = await logitsOf(model, BATCH)
    await rewrite((tensor) => ({ ...tensor, name: rename(tensor.name) }))
    const second = await loadModel(BASE, { dtype: 'float32' })
    await loadAdapter(second, folder)
    expect(await logitsOf(second, BATCH)).toEqual(expected)
    second.dispose()
  })

  it.each([
    ['a missing tensor', (t: TensorSource) => (t.name === Q ? undefined : t), `no "${Q}"`],
    [
      'an unknown tensor',
      (t: TensorSource) => (t.name === Q ? { ...t, name: `${Q}s` } : t),
      `unknown "${Q}s"`,
    ],
    [
      'a tensor of another rank',
      (t: TensorSource) => (t.name === Q ? { ...t, shape: [4, 128] } : t),
      '[4, 128] for [8, 64]',
    ],
  ])('names %s and leaves the model as it was', async (_, change, message) => {
    await rewrite(change)
    const before = await valuesOf(model)
    const error = await loadAdapter(model, folder).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_LLFT_FORMAT' })
    expect((error as Error).message).toContain(message)
    expect((error as Error).message).toContain(join(folder, WEIGHTS))
    expect(await valuesOf(model)).toEqual(before)
  })

  it.each([
    [{ peft_type: 'IA3' }, 'ERR_LLFT_FORMAT', /peft_type must be "LORA"; got "IA3"/],
    [{ task_type: 'SEQ_CLS' }, 'ERR_LLFT_CONFIG', /task_type .* got "SEQ_CLS"/],
    [{ lora_bias: true }, 'ERR_LLFT_CONFIG', /lora_bias must be unset/],
    [{ something_new: { on: true } }, 'ERR_LLFT_CONFIG', /something_new must be unset/],
    [{ r: 'eight' }, 'ERR_LLFT_CONFIG', /lora\.r: .* got 'eight'/],
    [{ target_modules: ['x_proj'] }, 'ERR_LLFT_CONFIG', /got 'x_proj'/],
  ])('refuses %j', async (change, code, message) => {
    await editConfig(change)
    const error = await loadAdapter(model, folder).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code })
    expect((error as Error).message).toMatch(message)
  })

  it('passes over keys that it does not know where they are unset', async () => {
    await editConfig({ something_new: null, another: false, third: {}, init_lora_weights: 'pissa' })
    expect(await loadAdapter(model, folder)).toMatchObject({ r: 8, alpha: 16 })
  })

  it.each([CONFIG, WEIGHTS])('names a missing %s', async (name) => {
    await rm(join(folder, name))
    await expect(loadAdapter(model, folder)).rejects.toMatchObject({ code: 'ERR_LLFT_FORMAT' })
    await expect(loadAdapter(model, folder)).rejects.toThrow(join(folder, name))
  })
})

describe('saveAdapter', () => {
  it("writes what it read, with PEFT's keys sorted", async () => {
    await loadAdapter(model, ADAPTER)
    await saveAdapter(model, join(folder, 'new', 'deep'), {
      baseModel: 'some/model',
      notes: { rows: 3 },
    })
    const at = (name: string) => join(folder, 'new', 'deep', name)
    expect(await readTensors(at(WEIGHTS))).toEqual(await readTensors(join(ADAPTER, WEIGHTS)))
    expect((await SafetensorsFile.open(at(WEIGHTS))).metadata).toEqual({ format: 'pt' })
    const text = await readFile(at(CONFIG), 'utf8')
    const json = JSON.parse(text)
    const reference = JSON.parse(await readFile(join(ADAPTER, CONFIG), 'utf8'))
    const written = Object.fromEntries(Object.keys(json).map((key) => [key, reference[key]]))
    expect(json).toEqual({
      ...written,
      base_model_name_or_path: 'some/model',
      target_modules: [...reference.target_modules].sort(),
    })
    expect(Object.keys(json)).toEqual(Object.keys(json).sort())
    expect(text.startsWith('{\n  "alpha_pattern": {}')).toBe(true)
    const card = await readFile(at('README.md'), 'utf8')
    expect(card).toMatch(/base_model: "some\/model"[\s\S]*library_name: peft[\s\S]*\| rows \| 3 \|/)
  })

  it('replaces its own adapter, and one of others only where it is told to', async () => {
    injectLora(model, { r: 2 })
    await expect(saveAdapter(model, folder)).rejects.toThrow(
      /must be an empty or new folder, or one that LLFT wrote; got .*'adapter_config.json'.*overwrite: true/,
    )
    expect(await readFile(join(folder, CONFIG), 'utf8')).toContain('"r": 8')
    await saveAdapter(model, folder, { overwrite: true })
    await saveAdapter(model, folder)
    expect((await readdir(folder)).sort()).toEqual(['README.md', CONFIG, WEIGHTS].sort())
    const second = await loadModel(BASE, { dtype: 'float32' })
    expect(await loadAdapter(second, folder)).toMatchObject({
      r: 2,
      targetModules: ['q_proj', 'v_proj'],
    })
    second.dispose()
  })

  it('leaves the files of others as they are, the README.md too, and says so', async () => {
    await writeFile(join(folder, 'README.md'), '# My project')
    await writeFile(join(folder, 'notes.txt'), 'mine')
    injectLora(model, { r: 2 })
    const warnings: LlftWarning[] = []
    const onWarning = (warning: LlftWarning) => warnings.push(warning)
    await saveAdapter(model, folder, { overwrite: true, onWarning })
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('# My project')
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('mine')
    expect(await readFile(join(folder, CONFIG), 'utf8')).toContain('"r": 2')
    expect(warnings).toMatchObject([{ code: 'WARN_LLFT_FILE_KEPT' }])
    expect(await readdir(folder)).toHaveLength(4)
  })

  it('refuses a folder below a file, and a model without an adapter', async () => {
    await expect(saveAdapter(model, folder)).rejects.toThrow(/must have an adapter/)
    injectLora(model)
    await expect(saveAdapter(model, join(folder, CONFIG, 'x'))).rejects.toMatchObject({
      code: 'ERR_LLFT_CONFIG',
    })
    await expect(saveAdapter(model, join(folder, CONFIG))).rejects.toThrow(/must be a folder/)
    expect(await readFile(join(folder, CONFIG), 'utf8')).toContain('LORA')
  })
})

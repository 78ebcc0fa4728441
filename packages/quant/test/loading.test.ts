import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  batchOf,
  type CausalLM,
  ConfigError,
  FormatError,
  Linear,
  loadModel,
  memoryStats,
  noGrad,
  saveModel,
  scope,
  synchronize,
} from '@llft/runtime'
import { SafetensorsFile, type TensorSource, writeSafetensors } from '@llft/safetensors'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  loadQuantizedModel,
  type QuantizationOptions,
  QuantizedWeight,
  saveQuantizedModel,
} from '../src/index.js'

const SOURCE = fileURLToPath(
  new URL('../../../tests/golden/models/llama3-gqa-rope', import.meta.url),
)
const FORMS: [string, QuantizationOptions][] = [
  ['nf4', { format: 'nf4', doubleQuantization: false }],
  ['nf4, doubly quantised', 'nf4'],
  ['fp4', { format: 'fp4', blockSize: 128 }],
  ['int8', 'int8'],
]
let folder: string
let held: { handles: number; bytesInUse: number }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llft-quant-'))
  await synchronize()
  const { handles, bytesInUse } = memoryStats()
  held = { handles, bytesInUse }
})

/** Every test frees what it took, after failures too. */
afterEach(async () => {
  await rm(folder, { recursive: true })
  await synchronize()
  const { handles, bytesInUse } = memoryStats()
  expect({ handles, bytesInUse }).toEqual(held)
})

async function logitsOf(model: CausalLM): Promise<Float32Array> {
  using logits = scope(() => noGrad(() => model.logits(model.forward(batchOf([[1, 2, 3, 4]])))))
  return (await logits.read()) as Float32Array
}

function quantizedLayers(model: CausalLM): [string, QuantizedWeight][] {
  return [...model.modules()].flatMap(([path, module]) =>
    module instanceof Linear && module.weight instanceof QuantizedWeight
      ? [[path, module.weight]]
      : [],
  )
}

describe.each(FORMS)('a model in %s', (_, quantization) => {
  it('has its linear layers quantised, and survives being saved and loaded', async () => {
    const model = await loadQuantizedModel(SOURCE, { dtype: 'float32', quantization })
    expect(quantizedLayers(model)).toHaveLength(7 * model.config.layers)
    const logits = await logitsOf(model)
    await saveQuantizedModel(folder, model)
    model.dispose()
    const again = await loadQuantizedModel(folder, { dtype: 'float32' })
    const same = await logitsOf(again)
    again.dispose()
    // The scale of an int8 row is stored as 127 times itself: two roundings of it.
    const bound = quantization === 'int8' ? 1e-5 : 0
    expect(
      Math.max(...same.map((value, i) => Math.abs(value - (logits[i] as number)))),
    ).toBeLessThanOrEqual(bound)
  })
})

it('leaves skipped layers as floats', async () => {
  const quantization = { skip: ['mlp', 'layers.0.self_attn.q_proj'] }
  const model = await loadQuantizedModel(SOURCE, { quantization })
  const paths = quantizedLayers(model).map(([path]) => path)
  expect(paths).not.toContain('model.layers.0.self_attn.q_proj')
  expect(paths).toHaveLength(4 * model.config.layers - 1)
  model.dispose()
})

it('names the tensor that is not finite', async () => {
  await damage((tensor) => {
    if (tensor.name.endsWith('layers.0.mlp.up_proj.weight')) {
      new Float32Array((tensor.data as Uint8Array).buffer)[77] = Number.NaN
    }
    return [tensor]
  })
  await expect(loadQuantizedModel(folder)).rejects.toThrow(
    /NaN or infinity in "model.layers.0.mlp.up_proj.weight" in model.safetensors/,
  )
})

it('does not train a quantised weight, and does not save it as floats', async () => {
  const model = await loadQuantizedModel(SOURCE)
  const [[, weight]] = quantizedLayers(model) as [[string, QuantizedWeight]]
  expect(() => new Linear(weight).setTrainable(true)).toThrow(/must be stored as floats/)
  await expect(saveModel(folder, model)).rejects.toThrow(/Call saveQuantizedModel/)
  model.dispose()
  const dense = await loadModel(SOURCE)
  await expect(saveQuantizedModel(folder, dense)).rejects.toThrow(/must be quantised/)
  dense.dispose()
})

describe('a damaged checkpoint of bitsandbytes', () => {
  const UP = 'model.layers.0.mlp.up_proj.weight'
  const STATE = `${UP}.quant_state.bitsandbytes__nf4`

  beforeEach(async () => {
    const model = await loadQuantizedModel(SOURCE)
    await saveQuantizedModel(folder, model)
    model.dispose()
  })

  function withState(change: (state: Record<string, unknown>) => unknown) {
    return (tensor: TensorSource): TensorSource[] => {
      if (tensor.name !== STATE) return [tensor]
      const text = new TextDecoder().decode(tensor.data as Uint8Array)
      const data = new TextEncoder().encode(JSON.stringify(change(JSON.parse(text))))
      return [{ ...tensor, data, shape: [data.length] }]
    }
  }
  const only = (name: string, change: (tensor: TensorSource) => TensorSource[]) => {
    return (tensor: TensorSource) => (tensor.name === name ? change(tensor) : [tensor])
  }

  it.each([
    [
      'an unknown key',
      withState((s) => ({ ...s, zeros: 1 })),
      /bitsandbytes__nf4".*known keys.*"zeros"/,
    ],
    ['another type', withState((s) => ({ ...s, quant_type: 'fp4' })), /quant_type must be 'nf4'/],
    [
      'an impossible block',
      withState((s) => ({ ...s, blocksize: 48 })),
      /blocksize must be a power of two/,
    ],
    [
      'another shape',
      withState((s) => ({ ...s, shape: [4, 4] })),
      /up_proj.weight: the quantised shape/,
    ],
    [
      'no JSON',
      only(STATE, (t) => [{ ...t, data: Uint8Array.of(123), shape: [1] }]),
      /must be JSON/,
    ],
    [
      'scales cut short',
      only(`${UP}.absmax`, (t) => [
        { ...t, data: (t.data as Uint8Array).slice(1), shape: [(t.shape[0] as number) - 1] },
      ]),
      /up_proj.weight.absmax" must have the shape/,
    ],
    ['no scales', only(`${UP}.absmax`, () => []), /up_proj.weight.absmax".*must exist/],
    [
      'codes of another type',
      only(UP, (t) => [{ ...t, dtype: 'I8' }]),
      /up_proj.weight" must be U8; got I8/,
    ],
    [
      'another codebook',
      only(`${UP}.quant_map`, (t) => [{ ...t, data: new Float32Array(16) }]),
      /quant_map" must be the codebook/,
    ],
    [
      'another map',
      only(`${UP}.nested_quant_map`, (t) => [{ ...t, data: new Float32Array(256) }]),
      /nested_quant_map" must be the codebook/,
    ],
    [
      'a scale that is no number',
      only(`${UP}.nested_absmax`, (t) => [
        { ...t, data: new Float32Array(t.shape[0] as number).fill(Number.NaN) },
      ]),
      /NaN or infinity in "model.layers.0.mlp.up_proj.weight.nested_absmax"/,
    ],
  ] as const)('with %s names file and tensor', async (_, change, message) => {
    await damage(change, folder)
    const error = await loadQuantizedModel(folder).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(FormatError)
    expect((error as Error).message).toMatch(message)
  })

  it('refuses options that it does not know', async () => {
    await expect(loadQuantizedModel(folder, { quantisation: 'nf4' } as object)).rejects.toThrow(
      "loadQuantizedModel: must have known options only; got 'quantisation'. Did you mean 'quantization'?",
    )
  })

  it('asks for another way to load it, and for no other format', async () => {
    await expect(loadModel(folder)).rejects.toThrow(/Call loadQuantizedModel/)
    await expect(loadQuantizedModel(folder, { quantization: 'int8' })).rejects.toThrow(ConfigError)
  })

  it('takes scales whose lowest code stands for -1', async () => {
    await damage((tensor) => {
      const bytes = (tensor.data as Uint8Array).slice()
      if (tensor.name === `${UP}.absmax`) bytes[1] = 0
      if (!tensor.name.endsWith('nested_quant_map')) return [{ ...tensor, data: bytes }]
      const data = new Float32Array(bytes.buffer)
      data[0] = -1
      return [{ ...tensor, data }]
    }, folder)
    const file = await SafetensorsFile.open(join(folder, 'model.safetensors'))
    const nested = new Float32Array((await file.read(`${UP}.nested_absmax`)).slice().buffer)
    const { nested_offset: offset } = JSON.parse(
      new TextDecoder().decode(await file.read(STATE)),
    ) as { nested_offset: number }
    const model = await loadQuantizedModel(folder)
    const layers = new Map(quantizedLayers(model))
    const { absmax } = (layers.get(UP.slice(0, -'.weight'.length)) as QuantizedWeight).matrix
    expect((await absmax.read())[1]).toBe(Math.fround(-(nested[0] as number) + offset))
    model.dispose()
  })
})

/** Writes the checkpoint of `from` to the folder, each tensor changed or left out. */
async function damage(
  change: (tensor: TensorSource) => TensorSource[],
  from = SOURCE,
): Promise<void> {
  const file = await SafetensorsFile.open(join(from, 'model.safetensors'))
  const tensors: TensorSource[] = []
  for (const { name, dtype, shape } of file.tensors.values()) {
    tensors.push(...change({ name, dtype, shape, data: await file.read(name) }))
  }
  await writeSafetensors(join(folder, 'model.safetensors'), tensors)
  if (from !== folder) await cp(join(from, 'config.json'), join(folder, 'config.json'))
}

it('reads config.json of a checkpoint as bitsandbytes means it', async () => {
  const model = await loadQuantizedModel(SOURCE, { quantization: 'nf4' })
  await saveQuantizedModel(folder, model)
  model.dispose()
  const path = join(folder, 'config.json')
  const json = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  expect(json.quantization_config).toMatchObject({
    load_in_4bit: true,
    bnb_4bit_quant_type: 'nf4',
    bnb_4bit_use_double_quant: true,
    llm_int8_skip_modules: ['lm_head'],
  })
  const unknown = { ...(json.quantization_config as object), bits: 4 }
  await writeFile(path, JSON.stringify({ ...json, quantization_config: unknown }))
  await expect(loadQuantizedModel(folder)).rejects.toThrow(/quantization_config: .*got 'bits'/)
})

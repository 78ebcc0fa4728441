import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  SafetensorsFile,
  type TensorSource,
  writeSafetensors,
  writeSharded,
} from '@llft/safetensors'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  batchOf,
  type CausalLM,
  ConfigError,
  createModel,
  FormatError,
  LinearModule,
  loadModel,
  noGrad,
  readConfig,
  saveModel,
  scope,
  type Tensor,
} from '../src/index.js'
import { goldenCase } from './golden-case.js'
import { expectNoLeak } from './memory.js'

const FLOAT32 = { dtype: 'float32' } as const
let source: string
let folder: string

beforeEach(async () => {
  source = (await goldenCase('qwen3-qknorm')).folder
  folder = await mkdtemp(join(tmpdir(), 'llft-loading-'))
  for (const name of ['config.json', 'model.safetensors'])
    await cp(join(source, name), join(folder, name))
})

afterEach(() => rm(folder, { recursive: true }))

async function logitsOf(model: CausalLM): Promise<Float32Array> {
  const logits = scope(() => noGrad(() => model.logits(model.forward(batchOf([[1, 2, 3, 4]])))))
  const values = (await logits.read()) as Float32Array
  logits.dispose()
  return values
}

/** The tensors of the copied checkpoint, each changed or left out by `change`. */
async function rewrite(change: (tensor: TensorSource) => TensorSource[]): Promise<TensorSource[]> {
  const file = await SafetensorsFile.open(join(source, 'model.safetensors'))
  const tensors: TensorSource[] = []
  for (const { name, dtype, shape } of file.tensors.values()) {
    tensors.push(...change({ name, dtype, shape, data: await file.read(name) }))
  }
  return tensors
}

async function rewriteFile(change: (tensor: TensorSource) => TensorSource[]): Promise<void> {
  await writeSafetensors(join(folder, 'model.safetensors'), await rewrite(change))
}

async function expectRefused(message: RegExp): Promise<void> {
  await expectNoLeak(async () => {
    await expect(loadModel(folder, FLOAT32)).rejects.toThrow(message)
    await expect(loadModel(folder, FLOAT32)).rejects.toBeInstanceOf(FormatError)
  })
}

const NORM = 'model.layers.1.self_attn.k_norm.weight'

describe('loadModel', () => {
  it('maps tensors of the compute type and copies the others', async () => {
    const mapped = await loadModel(folder, FLOAT32)
    expect([...mapped.parameters()].every(([, tensor]) => tensor.readOnly)).toBe(true)
    const cast = await loadModel(folder, { dtype: 'bfloat16' })
    for (const [, tensor] of cast.parameters()) {
      expect([tensor.dtype, tensor.readOnly]).toEqual(['bfloat16', false])
    }
    mapped.dispose()
    cast.dispose()
  })

  it('names parameters as the checkpoint does, a tied head once', async () => {
    const model = await loadModel(folder, FLOAT32)
    const file = await SafetensorsFile.open(join(folder, 'model.safetensors'))
    const stored = new Map([...file.tensors.values()].map(({ name, shape }) => [name, shape]))
    expect(new Map([...model.parameters()].map(([name, { shape }]) => [name, shape]))).toEqual(
      stored,
    )
    expect(model.getModule('lm_head').constructor.name).toBe('TiedLinear')
    model.dispose()
  })

  it('reads shards as it reads one file', async () => {
    const whole = await loadModel(folder, FLOAT32)
    const expected = await logitsOf(whole)
    whole.dispose()
    const tensors = await rewrite((tensor) => [tensor])
    await rm(join(folder, 'model.safetensors'))
    const shards = await writeSharded(folder, tensors, { maxShardBytes: 100_000 })
    expect(shards.length).toBeGreaterThan(2)
    const model = await loadModel(folder, FLOAT32)
    expect(await logitsOf(model)).toEqual(expected)
    model.dispose()
  })

  it('leaves what follows from the rest aside', async () => {
    const model = await loadModel(folder, FLOAT32)
    const embedding = [...model.parameters()].find(([name]) => name.endsWith('embed_tokens.weight'))
    model.dispose()
    expect(embedding).toBeDefined()
    await rewriteFile((tensor) => {
      const frequencies = { name: 'model.layers.0.self_attn.rotary_emb.inv_freq', shape: [1] }
      if (tensor.name === NORM) {
        return [tensor, { ...frequencies, dtype: 'F32', data: new Float32Array(1) }]
      }
      const isTable = tensor.name === 'model.embed_tokens.weight'
      return isTable ? [tensor, { ...tensor, name: 'lm_head.weight' }] : [tensor]
    })
    const again = await loadModel(folder, FLOAT32)
    again.dispose()
  })

  it('names a tensor that is missing', async () => {
    await rewriteFile((tensor) => (tensor.name === NORM ? [] : [tensor]))
    await expectRefused(
      /"model\.layers\.1\.self_attn\.k_norm\.weight" \[32\] must exist; got none in model\.safe/,
    )
  })

  it('names a tensor that is too much', async () => {
    await rewriteFile((tensor) =>
      tensor.name === NORM ? [tensor, { ...tensor, name: 'model.extra.weight' }] : [tensor],
    )
    await expectRefused(/got "model\.extra\.weight" in model\.safetensors, which it does not have/)
  })

  it('names a tensor of another shape', async () => {
    await rewriteFile((tensor) => [tensor.name === NORM ? { ...tensor, shape: [4, 8] } : tensor])
    await expectRefused(/k_norm\.weight" must have the shape \[32\]; got \[4, 8\]/)
  })

  it('names a tensor of a type that it does not read', async () => {
    await rewriteFile((tensor) => [tensor.name === NORM ? { ...tensor, dtype: 'I32' } : tensor])
    await expectRefused(/k_norm\.weight" must be F32, BF16 or F16; got I32/)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('names a tensor that holds %f', async (bad) => {
    await rewriteFile((tensor) => {
      if (tensor.name !== NORM) return [tensor]
      const values = new Float32Array(32).fill(1)
      values[31] = bad
      return [{ ...tensor, data: values }]
    })
    await expectRefused(
      /must be finite; got NaN or infinity in "model\.layers\.1\.self_attn\.k_norm\.weight"/,
    )
    const model = await loadModel(folder, { ...FLOAT32, checkFinite: false })
    model.dispose()
  })

  it('says when the file is cut off', async () => {
    const path = join(folder, 'model.safetensors')
    const bytes = await readFile(path)
    await writeFile(path, bytes.subarray(0, bytes.length - 100))
    await expectNoLeak(() => expect(loadModel(folder)).rejects.toThrow(/model\.safetensors/))
  })

  it('says when config.json is missing or no JSON', async () => {
    await writeFile(join(folder, 'config.json'), '{"model_type"')
    await expect(loadModel(folder)).rejects.toThrow(/config\.json:?[\d:]*: the text must be JSON/)
    await rm(join(folder, 'config.json'))
    await expect(loadModel(folder)).rejects.toThrow(ConfigError)
  })

  it('takes end tokens from generation_config.json', async () => {
    await writeFile(join(folder, 'generation_config.json'), '{"eos_token_id":[2,7]}')
    expect((await readConfig(folder)).eosTokenIds).toEqual([2, 7])
  })
})

describe('options', () => {
  it('are refused with what was meant, before anything is read', async () => {
    await expect(loadModel(folder, { dType: 'float32' } as object)).rejects.toThrow(
      "loadModel: must have known options only; got 'dType'. Did you mean 'dtype'?",
    )
    await expect(loadModel(folder, { dtype: 'float16' as 'float32' })).rejects.toThrow(
      "loadModel.dtype: must be 'float32', 'bfloat16' or 'auto'; got 'float16'.",
    )
    const config = await readConfig(folder)
    expect(() => createModel(config, { seed: -1 })).toThrow(/createModel.seed: must be at least 0/)
    const model = createModel(config)
    await expect(saveModel(folder, model, { maxShardBytes: 0 })).rejects.toThrow(
      'saveModel.maxShardBytes: must be at least 1; got 0.',
    )
    model.dispose()
  })
})

describe('saveModel', () => {
  it('writes what loads back with the same bits', async () => {
    const model = await loadModel(folder, FLOAT32)
    const expected = await logitsOf(model)
    const target = join(folder, 'saved')
    await saveModel(target, model, { maxShardBytes: 200_000 })
    model.dispose()
    const again = await loadModel(target, FLOAT32)
    expect(await logitsOf(again)).toEqual(expected)
    expect(again.config.rope).toEqual((await readConfig(folder)).rope)
    again.dispose()
  })

  it('writes over the folder from which the model is mapped', async () => {
    const model = await loadModel(folder, FLOAT32)
    const expected = await logitsOf(model)
    await expect(saveModel(folder, model)).rejects.toThrow(/must not be the folder of the base/)
    await saveModel(folder, model, { overwrite: true })
    expect(await logitsOf(model)).toEqual(expected)
    model.dispose()
  })

  it('refuses a model with an adapter', async () => {
    class Wrapped extends LinearModule {
      readonly inFeatures = 64
      readonly outFeatures = 64
      forward(x: Tensor) {
        return x
      }
      plainWeight() {
        return undefined
      }
    }
    const model = await loadModel(folder, FLOAT32)
    const path = 'model.layers.0.self_attn.o_proj'
    const base = model.replaceChild(path, new Wrapped())
    await expect(saveModel(join(folder, 'saved'), model)).rejects.toThrow(
      /o_proj must be a plain linear layer; got a Wrapped\. Merge adapters first/,
    )
    base.dispose()
    model.dispose()
  })

  it('stores in the type asked for', async () => {
    const model = await loadModel(folder, FLOAT32)
    await saveModel(join(folder, 'half'), model, { dtype: 'bfloat16' })
    model.dispose()
    const file = await SafetensorsFile.open(join(folder, 'half', 'model.safetensors'))
    expect(new Set([...file.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['BF16']))
    const json = JSON.parse(await readFile(join(folder, 'half', 'config.json'), 'utf8'))
    expect(json).toMatchObject({ torch_dtype: 'bfloat16', model_type: 'qwen3', head_dim: 32 })
  })
})

describe('createModel', () => {
  it('draws the same weights for the same seed', async () => {
    const config = await readConfig(folder)
    const first = async (seed: number) => {
      const model = createModel(config, { seed })
      const values = await logitsOf(model)
      model.dispose()
      return values
    }
    expect(await first(1)).toEqual(await first(1))
    expect(await first(1)).not.toEqual(await first(2))
  })
})

import { type CausalLM, ConfigError, createModel, parseConfig } from '@llft/runtime'
import { afterEach, describe, expect, it } from 'vitest'
import {
  countTrainable,
  describeTrainable,
  injectLora,
  LoraLinear,
  type LoraOptions,
  loraConfig,
  removeLora,
} from '../src/index.js'

const models: CausalLM[] = []
afterEach(() => {
  for (const model of models.splice(0)) model.dispose()
})

function tinyModel(modelType = 'llama'): CausalLM {
  const architectures = {
    llama: 'LlamaForCausalLM',
    phi3: 'Phi3ForCausalLM',
    qwen2: 'Qwen2ForCausalLM',
  }
  const model = createModel(
    parseConfig({
      architectures: [architectures[modelType as 'llama']],
      model_type: modelType,
      vocab_size: 24,
      hidden_size: 16,
      intermediate_size: 20,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      max_position_embeddings: 32,
      rms_norm_eps: 1e-6,
      pad_token_id: 0,
      tie_word_embeddings: false,
    }),
  )
  models.push(model)
  return model
}

function adapted(options: LoraOptions, modelType = 'llama'): string[] {
  const model = tinyModel(modelType)
  injectLora(model, options)
  return [...model.modules()]
    .filter(([, module]) => module instanceof LoraLinear)
    .map(([path]) => path)
}

const layer = (index: number) => `model.layers.${index}`

describe('loraConfig', () => {
  it('has the defaults of PEFT', () => {
    expect(loraConfig()).toMatchObject({
      r: 8,
      alpha: 8,
      dropout: 0,
      bias: 'none',
      modulesToSave: [],
      useRslora: false,
      useDora: false,
      initLoraWeights: true,
    })
  })

  it.each([
    [{ lora_alpha: 16 }, /got 'lora_alpha'. Did you mean 'alpha'\?/],
    [{ targetModule: ['q_proj'] }, /Did you mean 'targetModules'\?/],
    [{ use_rslora: true }, /Did you mean 'useRslora'\?/],
    [{ frobnicate: 1 }, /got 'frobnicate'. Known options: r, alpha/],
    [{ r: 0 }, /lora\.r: must be at least 1; got 0/],
    [{ r: 2.5 }, /lora\.r: must be a whole number; got 2.5/],
    [{ dropout: 1 }, /lora\.dropout: must be below 1; got 1/],
    [{ bias: 'some' }, /lora\.bias: must be 'none', 'all' or 'lora_only'; got 'some'/],
    [{ rankPattern: { q_proj: 0 } }, /lora\.rankPattern\.q_proj: must be at least 1; got 0/],
    [{ initLoraWeights: 'pissa' }, /lora\.initLoraWeights: .*; got 'pissa'/],
  ])('refuses %j', (options, message) => {
    expect(() => loraConfig(options as LoraOptions)).toThrow(ConfigError)
    expect(() => loraConfig(options as LoraOptions)).toThrow(message)
  })
})

describe('target modules', () => {
  it('are q_proj and v_proj by default, qkv_proj where it is fused', () => {
    const separate = [0, 1, 2].flatMap((i) =>
      ['q_proj', 'v_proj'].map((name) => `${layer(i)}.self_attn.${name}`),
    )
    expect(adapted({})).toEqual(separate)
    expect(adapted({}, 'phi3')).toEqual([0, 1, 2].map((i) => `${layer(i)}.self_attn.qkv_proj`))
  })

  it('all-linear leaves out the head', () => {
    const paths = adapted({ targetModules: 'All-Linear' })
    expect(paths).toHaveLength(3 * 7)
    expect(paths).not.toContain('lm_head')
  })

  it('may be the head by name, and whole paths', () => {
    expect(adapted({ targetModules: ['lm_head', 'model.layers.1.mlp.up_proj'] })).toEqual([
      'model.layers.1.mlp.up_proj',
      'lm_head',
    ])
  })

  it('match as a regular expression from end to end', () => {
    expect(
      adapted({ targetModules: String.raw`.*\.1\..*_proj`, excludeModules: '.*mlp.*' }),
    ).toEqual(
      ['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((name) => `${layer(1)}.self_attn.${name}`),
    )
    expect(() => adapted({ targetModules: 'q_proj' })).toThrow(
      /must match at least one linear layer/,
    )
  })

  it('are limited to layers, which whole paths are not', () => {
    const up = (i: number) => `${layer(i)}.mlp.up_proj`
    expect(adapted({ targetModules: ['up_proj'], layersToTransform: [0, 2] })).toEqual([
      up(0),
      up(2),
    ])
    expect(
      adapted({ targetModules: ['up_proj'], layersToTransform: 1, layersPattern: 'layers' }),
    ).toEqual([up(1)])
    expect(adapted({ targetModules: [up(1)], layersToTransform: 2 })).toEqual([up(1)])
    expect(() => adapted({ targetModules: ['up_proj'], layersToTransform: 7 })).toThrow(
      /layersToTransform/,
    )
  })

  it.each([
    [
      { targetModules: ['q_proj', 'w_proj'] },
      /got 'w_proj'.*Did you mean.*q_proj, k_proj, v_proj, o_proj/,
    ],
    [{ targetModules: [] }, /at least one linear layer/],
    [{ targetModules: '(' }, /must be a regular expression; got '\('/],
    [{ targetModules: ['embed_tokens'] }, /got the embedding 'model.embed_tokens'.*modulesToSave/],
    [{ modulesToSave: ['norms'] }, /modulesToSave: .* got 'norms'/],
    [{ modulesToSave: ['mlp'] }, /got 'model.layers.0.mlp', a Mlp/],
  ])('refuses %j and leaves the model as it was', (options, message) => {
    const model = tinyModel()
    const before = [...model.parameters()].map(([name]) => name)
    expect(() => injectLora(model, options)).toThrow(ConfigError)
    expect(() => injectLora(model, options)).toThrow(message)
    expect([...model.parameters()].map(([name]) => name)).toEqual(before)
  })
})

describe('sizes', () => {
  it('follow the first pattern that matches the end of the path', () => {
    const model = tinyModel()
    injectLora(model, {
      r: 4,
      alpha: 8,
      targetModules: ['q_proj', 'up_proj'],
      rankPattern: { q_proj: 2, 'layers\\.0\\..*': 6 },
      alphaPattern: { '^model.layers.2.mlp.up_proj': 1 },
    })
    const sizes = [...model.modules()].flatMap(([path, module]) =>
      module instanceof LoraLinear
        ? [[path.replace('model.layers.', ''), module.size.r, module.size.scale]]
        : [],
    )
    expect(sizes).toEqual([
      ['0.self_attn.q_proj', 2, 4],
      ['0.mlp.up_proj', 6, 8 / 6],
      ['1.self_attn.q_proj', 2, 4],
      ['1.mlp.up_proj', 4, 2],
      ['2.self_attn.q_proj', 2, 4],
      ['2.mlp.up_proj', 4, 1 / 4],
    ])
  })

  it('are counted as PEFT prints them', () => {
    const model = tinyModel()
    injectLora(model, { r: 2, targetModules: ['q_proj'] })
    const trainable = 3 * 2 * (16 + 16)
    const total = 2 * 24 * 16 + 3 * (2 * 256 + 2 * 128 + 3 * 320 + 32) + 16 + trainable
    expect(countTrainable(model)).toEqual({ trainable, total, share: trainable / total })
    expect(describeTrainable(model)).toBe(
      `trainable params: 192 || all params: 6,256 || trainable%: ${((100 * 192) / 6256).toFixed(4)}`,
    )
  })
})

describe('matrices', () => {
  it.each([
    [true, 0.25, 0],
    ['gaussian', undefined, 0],
    [false, 0.25, 1 / Math.sqrt(8)],
  ] as const)(
    'start as initLoraWeights %s says, from the seed alone',
    async (initLoraWeights, boundA, boundB) => {
      const draw = async (seed: number) => {
        const model = tinyModel()
        injectLora(model, { initLoraWeights, seed, targetModules: 'all-linear' })
        const layers = [...model.modules()].flatMap(([, module]) =>
          module instanceof LoraLinear ? [module] : [],
        )
        const a = await Promise.all(
          layers.filter((l) => l.inFeatures === 16).map((l) => l.a.read()),
        )
        const b = await Promise.all(layers.map((l) => l.b.read()))
        return { a: a.flatMap((values) => [...values]), b: b.flatMap((values) => [...values]) }
      }
      const { a, b } = await draw(5)
      expect(await draw(5)).toEqual({ a, b })
      expect((await draw(6)).a).not.toEqual(a)
      const mean = a.reduce((sum, value) => sum + value, 0) / a.length
      const variance = a.reduce((sum, value) => sum + value * value, 0) / a.length
      // Six standard errors of mean and variance of 2304 draws.
      const std = boundA === undefined ? 1 / 8 : boundA / Math.sqrt(3)
      expect(Math.abs(mean)).toBeLessThan((6 * std) / Math.sqrt(a.length))
      expect(Math.abs(variance / std ** 2 - 1)).toBeLessThan((6 * Math.SQRT2) / Math.sqrt(a.length))
      if (boundA !== undefined) expect(Math.max(...a.map(Math.abs))).toBeLessThanOrEqual(boundA)
      expect(Math.max(...b.map(Math.abs))).toBeLessThanOrEqual(boundB)
      expect(b.some((value) => value !== 0)).toBe(boundB > 0)
    },
  )

  it('belong to one adapter at a time', () => {
    const model = tinyModel()
    injectLora(model)
    expect(() => injectLora(model)).toThrow(/must have no adapter/)
    removeLora(model)
    injectLora(model)
    removeLora(model)
    expect(() => removeLora(model)).toThrow(/must have an adapter/)
  })
})

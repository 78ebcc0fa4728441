import { describe, expect, it } from 'vitest'
import { ConfigError, configJson, parseConfig, supportedModelTypes } from '../src/index.js'

const sizes = {
  vocab_size: 320,
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 256,
}

function config(modelType: string, extra: Record<string, unknown> = {}) {
  return parseConfig({ model_type: modelType, ...sizes, ...extra })
}

describe('parseConfig', () => {
  it('reads the spelling of transformers 4 and of 5 alike', () => {
    const scaling = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    }
    const old = config('llama', {
      rope_theta: 500000,
      rope_scaling: { rope_type: 'llama3', ...scaling },
      torch_dtype: 'bfloat16',
    })
    const older = config('llama', {
      rope_theta: 500000,
      rope_scaling: { type: 'llama3', ...scaling },
    })
    const now = config('llama', {
      rope_parameters: { rope_type: 'llama3', rope_theta: 500000, ...scaling },
      dtype: 'bfloat16',
    })
    expect(now.rope).toEqual(old.rope)
    expect(older.rope).toEqual(old.rope)
    expect(old.rope).toMatchObject({
      theta: 500000,
      rotaryWidth: 16,
      scaling: { type: 'llama3', factor: 8 },
    })
    expect([old.storedDtype, now.storedDtype]).toEqual(['bfloat16', 'bfloat16'])
  })

  it('fills in what old files leave out', () => {
    const { num_key_value_heads: _, ...old } = sizes
    const parsed = parseConfig({ architectures: ['LlamaForCausalLM'], ...old })
    expect(parsed).toMatchObject({
      modelType: 'llama',
      kvHeads: 4,
      headWidth: 16,
      tiedEmbeddings: false,
      qkvBias: false,
      rope: { theta: 10000, scaling: { type: 'default' } },
    })
  })

  it('knows what each family is', () => {
    expect(supportedModelTypes()).toEqual(['llama', 'mistral', 'qwen2', 'qwen3', 'phi3'])
    expect(config('llama', { attention_bias: true, mlp_bias: true })).toMatchObject({
      qkvBias: true,
      outputBias: true,
      mlpBias: true,
    })
    expect(config('qwen2')).toMatchObject({ qkvBias: true, outputBias: false, qkNorm: false })
    expect(config('qwen3')).toMatchObject({ qkvBias: false, qkNorm: true, headWidth: 128 })
    expect(config('qwen3', { head_dim: 32 }).headWidth).toBe(32)
    expect(config('phi3')).toMatchObject({ projections: 'fused', windows: [0, 0, 0] })
  })

  it('gives each layer its window', () => {
    expect(config('mistral').windows).toEqual([4096, 4096, 4096])
    expect(config('mistral', { sliding_window: null }).windows).toEqual([0, 0, 0])
    expect(config('mistral', { sliding_window: 8 }).windows).toEqual([8, 8, 8])
    const qwen = { use_sliding_window: true, sliding_window: 16, max_window_layers: 2 }
    expect(config('qwen2', qwen).windows).toEqual([0, 0, 16])
    expect(config('qwen2', { ...qwen, use_sliding_window: false }).windows).toEqual([0, 0, 0])
    const types = ['sliding_attention', 'full_attention', 'sliding_attention']
    expect(config('qwen3', { ...qwen, layer_types: types }).windows).toEqual([16, 0, 16])
  })

  it('takes end tokens one by one or as a list', () => {
    expect(config('llama', { eos_token_id: 2 }).eosTokenIds).toEqual([2])
    expect(config('llama', { eos_token_id: [2, 5] }).eosTokenIds).toEqual([2, 5])
    expect(config('llama').eosTokenIds).toEqual([])
  })

  it.each([
    [{ hidden_act: 'gelu' }, /hidden_act must be 'silu'; got 'gelu'/],
    [
      { num_attention_heads: 0 },
      /num_attention_heads must be a whole number from 1 to 16777216; got 0/,
    ],
    [
      { num_key_value_heads: 3 },
      /num_key_value_heads must be a divisor of the 4 query heads; got 3/,
    ],
    [{ hidden_size: 66 }, /hidden_size must be a multiple of the 4 attention heads; got 66/],
    [{ vocab_size: undefined }, /vocab_size must be a whole number from 1 to \d+; got nothing/],
    [
      { rope_scaling: { type: 'spiral' } },
      /rope_scaling: type must be one of default, linear.*'spiral'/,
    ],
    [
      { rope_scaling: { type: 'linear' } },
      /rope_scaling: factor must be a number above 0; got nothing/,
    ],
    [
      { rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1] } },
      /list of 8 numbers/,
    ],
    [{ attention_dropout: 0.1 }, /attention_dropout must be 0/],
    [{ quantization_config: { bits: 4 } }, /quantization_config must be absent or of bitsandbytes/],
    [{ num_hidden_layers: 1e9 }, /num_hidden_layers must be a whole number from 1 to 10000; got 1/],
    [
      { num_hidden_layers: 2 ** 53 - 1 },
      /num_hidden_layers must be a whole number from 1 to 10000/,
    ],
    [{ hidden_size: 2 ** 40 }, /hidden_size must be a whole number from 1 to 16777216/],
    [{ vocab_size: 1e12 }, /vocab_size must be a whole number/],
    [{ max_position_embeddings: 1e30 }, /max_position_embeddings must be a whole number from 1 to/],
    [{ eos_token_id: new Array(5000).fill(1) }, /eos_token_id must be/],
    [{ tie_word_embeddings: 'yes' }, /tie_word_embeddings must be true or false; got 'yes'/],
  ])('refuses %o', (extra, message) => {
    expect(() => config('llama', extra)).toThrow(ConfigError)
    expect(() => config('llama', extra)).toThrow(message)
  })

  it('lists the supported architectures for one that is not', () => {
    const supported = /must be one of llama \(LlamaForCausalLM\), .*phi3 \(Phi3ForCausalLM\); got /
    expect(() => config('gpt2')).toThrow(supported)
    expect(() => config('llama', { architectures: ['LlamaForSequenceClassification'] })).toThrow(
      /got llama, LlamaForSequenceClassification\.$/,
    )
    expect(() => parseConfig([])).toThrow(/must hold a JSON object/)
  })
})

describe('configJson', () => {
  const yarn = { factor: 4, original_max_position_embeddings: 64, beta_fast: 16 }
  const lists = { short_factor: new Array(8).fill(1), long_factor: new Array(8).fill(2) }
  it.each([
    ['llama', {}],
    ['llama', { rope_parameters: { rope_type: 'default', rope_theta: 500000 } }],
    ['llama', { rope_parameters: { rope_type: 'yarn', rope_theta: 1e6, ...yarn } }],
    ['mistral', { sliding_window: null, tie_word_embeddings: true }],
    ['qwen3', { rope_theta: 1e6, eos_token_id: [1, 2] }],
    [
      'phi3',
      {
        original_max_position_embeddings: 64,
        rope_parameters: {
          rope_type: 'longrope',
          rope_theta: 1e4,
          partial_rotary_factor: 1,
          ...lists,
        },
      },
    ],
  ])('writes %s so that it reads back the same: %o', (modelType, extra) => {
    const before = config(modelType, extra)
    const json = configJson(before, 'bfloat16')
    const { source: _, storedDtype, ...after } = parseConfig(JSON.parse(JSON.stringify(json)))
    const { source: __, storedDtype: ___, ...wanted } = before
    expect(after).toEqual(wanted)
    expect(storedDtype).toBe('bfloat16')
    expect(json).toHaveProperty('rope_theta')
    expect(json).not.toHaveProperty('rope_parameters')
  })
})

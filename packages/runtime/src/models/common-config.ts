import { ConfigError } from '@llft/errors'
import type { ConfigReader } from './config-reader.js'
import type { DecoderConfig } from './decoder-config.js'
import { readRope } from './rope-config.js'

/** Far more than any model has; a list as long is made. */
const MAX_LAYERS = 10_000

/** The fields that mean the same in every family; a family overrides what differs. */
export function readCommon(config: ConfigReader): DecoderConfig {
  rejectUnsupported(config)
  const width = config.integer('hidden_size')
  const heads = config.integer('num_attention_heads')
  const kvHeads = config.integer('num_key_value_heads', heads)
  const layers = config.integer('num_hidden_layers', undefined, 1, MAX_LAYERS)
  const headWidth = readHeadWidth(config, width, heads)
  if (heads % kvHeads !== 0) {
    config.fail('num_key_value_heads', `a divisor of the ${heads} query heads`)
  }
  return {
    modelType: config.string('model_type', ''),
    architecture: '',
    vocabulary: config.integer('vocab_size'),
    width,
    ffnWidth: config.integer('intermediate_size'),
    layers,
    heads,
    kvHeads,
    headWidth,
    normEps: config.number('rms_norm_eps', 1e-6),
    maxPositions: config.positions('max_position_embeddings', 2048),
    tiedEmbeddings: config.boolean('tie_word_embeddings', false),
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    qkNorm: false,
    projections: 'separate',
    windows: new Array<number>(layers).fill(0),
    rope: readRope(config, headWidth),
    initializerRange: config.number('initializer_range', 0.02),
    bosTokenId: config.optionalInteger('bos_token_id'),
    eosTokenIds: config.integers('eos_token_id'),
    padTokenId: config.optionalInteger('pad_token_id', -1),
    storedDtype: config.optionalString('dtype') ?? config.optionalString('torch_dtype'),
    source: config.json,
  }
}

/** For each layer the window of `sliding_window` where the layer has one, else 0. */
export function windowsByLayer(config: ConfigReader, layers: number): number[] {
  if (!config.boolean('use_sliding_window', false)) return new Array<number>(layers).fill(0)
  const window = config.positions('sliding_window', 4096)
  const first = config.integer('max_window_layers', 28, 0)
  const types = config.json.layer_types
  if (types === undefined || types === null) {
    return Array.from({ length: layers }, (_, layer) => (layer >= first ? window : 0))
  }
  const known = ['full_attention', 'sliding_attention']
  if (!Array.isArray(types) || types.length !== layers || !types.every((t) => known.includes(t))) {
    config.fail('layer_types', `a list of ${layers} entries, each ${known.join(' or ')}`)
  }
  return types.map((type) => (type === 'sliding_attention' ? window : 0))
}

function readHeadWidth(config: ConfigReader, width: number, heads: number): number {
  const headWidth = config.optionalInteger('head_dim', 1) ?? width / heads
  if (Number.isInteger(headWidth)) return headWidth
  return config.fail('hidden_size', `a multiple of the ${heads} attention heads`)
}

/** What would change the numbers without a word is refused. */
function rejectUnsupported(config: ConfigReader): void {
  const activation = config.string('hidden_act', 'silu')
  if (activation !== 'silu' && activation !== 'swish') config.fail('hidden_act', "'silu'")
  for (const key of ['attention_dropout', 'resid_pdrop', 'embd_pdrop']) {
    if (config.number(key, 0, 'any') !== 0) config.fail(key, '0, the only one supported')
  }
  const quantised = config.object('quantization_config')
  if (quantised !== undefined && quantised.json.quant_method !== 'bitsandbytes') {
    throw new ConfigError(
      `${config.where}: quantization_config must be absent or of bitsandbytes; ` +
        `got quant_method ${JSON.stringify(quantised.json.quant_method)}. Use the float weights of this model.`,
    )
  }
}

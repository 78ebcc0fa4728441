import { ConfigError } from '@llft/errors'
import type { ConfigReader } from './config-reader.js'
import type { LongRopeScaling, RopeConfig, RopeScaling, YarnScaling } from './decoder-config.js'

const KINDS = ['default', 'linear', 'dynamic', 'llama3', 'yarn', 'longrope'] as const

/**
 * Rotary parameters in either spelling: `rope_parameters` (transformers 5), or `rope_theta` beside `rope_scaling` with
 * `rope_type` or `type` (transformers 4). What a field means is what transformers' modeling_rope_utils makes of it.
 */
export function readRope(config: ConfigReader, headWidth: number): RopeConfig {
  const nested = config.object('rope_scaling') ?? config.object('rope_parameters')
  const partial =
    pick('partial_rotary_factor', nested, config)?.number('partial_rotary_factor') ?? 1
  const rotaryWidth = Math.trunc(headWidth * partial)
  if (rotaryWidth < 2 || rotaryWidth % 2 !== 0 || rotaryWidth > headWidth) {
    throw new ConfigError(
      `${config.where}: the rotated part of a head must be even and fit in its ${headWidth} columns; got ${rotaryWidth}.`,
    )
  }
  return {
    theta: pick('rope_theta', nested, config)?.number('rope_theta') ?? 10_000,
    rotaryWidth,
    maxPositions: config.positions('max_position_embeddings', 2048),
    scaling: nested === undefined ? { type: 'default' } : readScaling(config, nested, rotaryWidth),
  }
}

function pick(key: string, ...readers: (ConfigReader | undefined)[]): ConfigReader | undefined {
  return readers.find((reader) => reader?.has(key))
}

function readScaling(config: ConfigReader, nested: ConfigReader, width: number): RopeScaling {
  const type = kindOf(config, nested)
  switch (type) {
    case 'default':
      return { type }
    case 'linear':
    case 'dynamic':
      return { type, factor: nested.number('factor') }
    case 'llama3':
      return {
        type,
        factor: nested.number('factor'),
        lowFreqFactor: nested.number('low_freq_factor'),
        highFreqFactor: nested.number('high_freq_factor'),
        originalMaxPositions: originalPositions(config, nested),
      }
    case 'yarn':
      return readYarn(config, nested)
    case 'longrope':
      return readLongRope(config, nested, width)
  }
}

function kindOf(config: ConfigReader, nested: ConfigReader): (typeof KINDS)[number] {
  const key = nested.has('rope_type') ? 'rope_type' : 'type'
  const name = nested.string(key, 'default')
  // Early Phi-3 files call longrope 'su' or 'yarn'.
  if (config.json.model_type === 'phi3' && (name === 'su' || name === 'yarn')) return 'longrope'
  const kind = KINDS.find((known) => known === name)
  return kind ?? nested.fail(key, `one of ${KINDS.join(', ')}`)
}

/** The length of pre-training: beside the scaling first, where Phi-3 keeps it; then within; then the present limit. */
function originalPositions(config: ConfigReader, nested: ConfigReader): number {
  const key = 'original_max_position_embeddings'
  return (
    pick(key, config, nested)?.positions(key) ?? config.positions('max_position_embeddings', 2048)
  )
}

function readYarn(config: ConfigReader, nested: ConfigReader): YarnScaling {
  const originalMaxPositions = originalPositions(config, nested)
  const factor =
    nested.optionalNumber('factor') ??
    config.positions('max_position_embeddings', 2048) / originalMaxPositions
  const mscale = nested.optionalNumber('mscale')
  const mscaleAll = nested.optionalNumber('mscale_all_dim')
  const inferred =
    mscale !== undefined && mscaleAll !== undefined
      ? yarnScale(factor, mscale) / yarnScale(factor, mscaleAll)
      : yarnScale(factor, 1)
  return {
    type: 'yarn',
    factor,
    attentionFactor: nested.optionalNumber('attention_factor') ?? inferred,
    betaFast: nested.number('beta_fast', 32),
    betaSlow: nested.number('beta_slow', 1),
    truncate: nested.boolean('truncate', true),
    originalMaxPositions,
  }
}

/** Peng et al. 2023, equation 22. */
function yarnScale(factor: number, mscale: number): number {
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1
}

function readLongRope(config: ConfigReader, nested: ConfigReader, width: number): LongRopeScaling {
  const originalMaxPositions = originalPositions(config, nested)
  const factor =
    nested.optionalNumber('factor') ??
    config.positions('max_position_embeddings', 2048) / originalMaxPositions
  const inferred =
    factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalMaxPositions))
  return {
    type: 'longrope',
    attentionFactor: nested.optionalNumber('attention_factor') ?? inferred,
    shortFactor: nested.numbers('short_factor', width / 2),
    longFactor: nested.numbers('long_factor', width / 2),
    originalMaxPositions,
  }
}

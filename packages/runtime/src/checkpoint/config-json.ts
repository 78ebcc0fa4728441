import type { DType } from '@llft/native'
import type { DecoderConfig } from '../models/decoder-config.js'

type Json = Record<string, unknown>

/**
 * config.json of a model as transformers 4 spells it, which transformers 5 reads as well: `rope_theta` and
 * `rope_scaling` for `rope_parameters`, `torch_dtype` for `dtype`. It is that of float weights, so without
 * `quantization_config`. Everything else stays as it was read.
 */
export function configJson(config: DecoderConfig, dtype: DType): Json {
  const {
    rope_parameters,
    rope_scaling,
    dtype: _,
    quantization_config: __,
    ...rest
  } = config.source
  return {
    ...rest,
    architectures: [config.architecture],
    model_type: config.modelType,
    ...ropeFields(config, (rope_scaling ?? rope_parameters ?? {}) as Json),
    torch_dtype: dtype,
  }
}

function ropeFields(config: DecoderConfig, stored: Json): Json {
  const { rope_theta: _, rope_type, type, partial_rotary_factor, ...parameters } = stored
  const fields: Json = { rope_theta: config.rope.theta, rope_scaling: null }
  if (partial_rotary_factor !== undefined && partial_rotary_factor !== 1) {
    fields.partial_rotary_factor = partial_rotary_factor
  }
  const { scaling } = config.rope
  if (scaling.type === 'longrope') return { ...fields, ...longRopeFields(config, parameters) }
  if (scaling.type !== 'default') {
    fields.rope_scaling = { rope_type: scaling.type, ...parameters }
  }
  return fields
}

/** Phi-3 keeps the trained length beside the scaling, which transformers 4 wants with three fields and `type`. */
function longRopeFields(config: DecoderConfig, parameters: Json): Json {
  const { scaling } = config.rope
  if (scaling.type !== 'longrope') return {}
  if (config.modelType !== 'phi3') return { rope_scaling: { rope_type: 'longrope', ...parameters } }
  const { short_factor, long_factor } = parameters
  return {
    original_max_position_embeddings: scaling.originalMaxPositions,
    rope_scaling: { type: 'longrope', short_factor, long_factor },
  }
}

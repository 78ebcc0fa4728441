import type { DecoderConfig } from '@llft/runtime'
import type { QuantizationConfig } from './config.js'
import { parseQuantization } from './options.js'

/** How the checkpoint of `config` is quantised by its config.json; undefined where it holds floats. */
export function storedQuantization(
  { source }: DecoderConfig,
  where = 'config.json',
): QuantizationConfig | undefined {
  const stored = source.quantization_config
  if (typeof stored !== 'object' || stored === null) return undefined
  // Whoever wrote it computed in a type of their own choice; the files do not depend on it.
  const {
    bnb_4bit_compute_dtype: _,
    llm_int8_has_fp16_weight: __,
    ...keys
  } = stored as Record<string, unknown>
  // What is left out means bitsandbytes' own defaults: the file is a fact, no wish.
  const defaults = {
    ...(keys.load_in_8bit === true ? {} : { bnb_4bit_quant_type: 'fp4' }),
    bnb_4bit_use_double_quant: false,
  }
  return parseQuantization({ ...defaults, ...withoutNulls(keys) }, `${where}: quantization_config`)
}

function withoutNulls(json: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null))
}

import { ConfigError } from '@llft/errors'
import type { QuantizationConfig } from './config.js'

/** The keys of transformers' BitsAndBytesConfig, as they stand in code and in config.json. */
export const BITSANDBYTES_KEYS: readonly string[] = [
  'quant_method',
  'load_in_4bit',
  'load_in_8bit',
  '_load_in_4bit',
  '_load_in_8bit',
  'bnb_4bit_quant_type',
  'bnb_4bit_use_double_quant',
  'bnb_4bit_blocksize',
  'bnb_4bit_compute_dtype',
  'bnb_4bit_quant_storage',
  'llm_int8_skip_modules',
  'llm_int8_threshold',
  'llm_int8_has_fp16_weight',
  'llm_int8_enable_fp32_cpu_offload',
]

type Json = Readonly<Record<string, unknown>>

/**
 * What the keys say, without what they leave open: bitsandbytes' own default, fp4 with float32 scales, is nobody's
 * intention, so it is never taken over.
 *
 * Activations stay floats in every format, so `llm_int8_threshold`, the bound above which they do in LLM.int8(), has
 * nothing to do here.
 *
 * @throws ConfigError for values that ask for something that does not exist here.
 */
export function fromBitsAndBytes(json: Json, where: string): Partial<QuantizationConfig> {
  const fail = (key: string, must: string): never => {
    throw new ConfigError(`${where}.${key}: must be ${must}; got ${JSON.stringify(json[key])}.`)
  }
  const expect = (key: string, values: readonly unknown[], must: string) => {
    if (json[key] !== undefined && json[key] !== null && !values.includes(json[key]))
      fail(key, must)
  }
  const flags = [false, true]
  expect('quant_method', ['bitsandbytes'], "'bitsandbytes'")
  for (const key of ['load_in_4bit', 'load_in_8bit', 'bnb_4bit_use_double_quant']) {
    expect(key, flags, 'true or false')
  }
  expect('bnb_4bit_quant_type', ['nf4', 'fp4'], "'nf4' or 'fp4'")
  expect('bnb_4bit_quant_storage', ['uint8', 'torch.uint8'], "'uint8'")
  expect('llm_int8_has_fp16_weight', [false], 'false')
  return { ...formatOf(json, where), ...detailsOf(json, where, fail) }
}

function formatOf(json: Json, where: string): Partial<QuantizationConfig> {
  const { load_in_4bit: four, load_in_8bit: eight, bnb_4bit_quant_type: type } = json
  if (four === true && eight === true) {
    throw new ConfigError(
      `${where}: one of load_in_4bit and load_in_8bit may be true; got both. Leave one out.`,
    )
  }
  if (eight === true) return { format: 'int8' }
  return type === undefined || type === null ? {} : { format: type as 'nf4' | 'fp4' }
}

function detailsOf(
  json: Json,
  where: string,
  fail: (key: string, must: string) => never,
): Partial<QuantizationConfig> {
  const {
    bnb_4bit_use_double_quant: double,
    bnb_4bit_blocksize: block,
    bnb_4bit_compute_dtype: dtype,
    llm_int8_skip_modules: skip,
  } = json
  const details: { -readonly [K in keyof QuantizationConfig]?: QuantizationConfig[K] } = {}
  if (typeof double === 'boolean') details.doubleQuantization = double
  if (block !== undefined && block !== null) details.blockSize = block as number
  if (skip !== undefined && skip !== null) details.skip = skip as string[]
  if (dtype === undefined || dtype === null) return details
  const name = String(dtype).replace(/^torch\./, '')
  if (name === 'float16') {
    throw new ConfigError(
      `${where}.bnb_4bit_compute_dtype: must be 'float32' or 'bfloat16'; got 'float16', in which nothing is computed here. Leave it out.`,
    )
  }
  if (name !== 'float32' && name !== 'bfloat16') {
    return fail('bnb_4bit_compute_dtype', "'float32' or 'bfloat16'")
  }
  details.computeDtype = name
  return details
}

import { ConfigError, shown, unknownOption } from '@llft/errors'
import type { QuantFormat } from '@llft/runtime'
import { BITSANDBYTES_KEYS, fromBitsAndBytes } from './bitsandbytes-config.js'

/** How the linear layers of a model are stored. Embeddings, norms and the output head stay floats. */
export interface QuantizationConfig {
  /** 'nf4' and 'fp4' take 4 bits an element, 'int8' takes 8. */
  readonly format: QuantFormat
  /** Elements that share a scale in the 4-bit formats: a power of two from 32 to 4096. */
  readonly blockSize: number
  /** Whether the scales of the 4-bit formats are quantised as well: 4.13 bits an element instead of 4.5. */
  readonly doubleQuantization: boolean
  /** Names of layers that stay floats, as their path ends, or parts of it: 'lm_head', 'mlp', 'layers.0'. */
  readonly skip: readonly string[]
  /** Type of activations, unless `dtype` says it. */
  readonly computeDtype: 'float32' | 'bfloat16' | undefined
  /**
   * Whether generation and evaluation may round activations to whole numbers of 14 bits on machines that are faster
   * that way; training never does. False: the product with the dequantised weights everywhere.
   */
  readonly fixedPoint: boolean
}

/**
 * A format, some of the fields of QuantizationConfig, or the keys of transformers' BitsAndBytesConfig, such as
 * `{ load_in_4bit: true, bnb_4bit_quant_type: 'nf4' }`. Defaults: nf4, blocks of 64, double quantisation, fixed point
 * in generation.
 */
export type QuantizationOptions =
  | QuantFormat
  | Partial<QuantizationConfig>
  | Readonly<Record<string, unknown>>

const DEFAULTS: QuantizationConfig = {
  format: 'nf4',
  blockSize: 64,
  doubleQuantization: true,
  skip: ['lm_head'],
  computeDtype: undefined,
  fixedPoint: true,
}
const FORMATS: readonly unknown[] = ['nf4', 'fp4', 'int8'] satisfies QuantFormat[]
const BLOCK_SIZES: readonly unknown[] = [32, 64, 128, 256, 512, 1024, 2048, 4096]
const COMPUTE_DTYPES: readonly unknown[] = ['float32', 'bfloat16', undefined]

/**
 * The full configuration.
 *
 * @param where starts every message.
 * @throws ConfigError for a key that is unknown, with the nearest known one, and for a value that does not hold.
 */
export function quantizationConfig(
  options: QuantizationOptions = {},
  where = 'quantization',
): QuantizationConfig {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    if (FORMATS.includes(options)) return { ...DEFAULTS, format: options as QuantFormat }
    throw new ConfigError(
      `${where}: must be 'nf4', 'fp4', 'int8' or an object of options; got ${shown(options)}.`,
    )
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const own = Object.keys(DEFAULTS)
  const known = [...own, ...BITSANDBYTES_KEYS]
  for (const [key] of given) if (!known.includes(key)) throw unknownOption(where, key, known)
  const pick = (keys: readonly string[]) =>
    Object.fromEntries(given.filter(([key]) => keys.includes(key)))
  const aliases = fromBitsAndBytes(pick(BITSANDBYTES_KEYS), where)
  const config = { ...DEFAULTS, ...aliases, ...pick(own) } as QuantizationConfig
  rejectContradiction(where, aliases, pick(own))
  check(where, config)
  return { ...config, skip: [...new Set([...config.skip, 'lm_head'])] }
}

/** One line that says how the weights are stored, such as for a log. */
export function describeQuantization(config: QuantizationConfig): string {
  const { format, blockSize, doubleQuantization, skip } = config
  const floats = `floats: embeddings, norms, ${skip.join(', ')}`
  if (format === 'int8') return `int8, one scale a row, 8 bits a weight; ${floats}`
  const bits = 4 + (doubleQuantization ? (8 + 32 / 256) / blockSize : 32 / blockSize)
  const nested = doubleQuantization ? ', scales quantised to 8 bits' : ', scales float32'
  return `${format}, blocks of ${blockSize}${nested}, ${bits.toFixed(2)} bits a weight; ${floats}`
}

/** Whether the layer at `path` stays floats. */
export function isSkipped({ skip }: QuantizationConfig, path: string): boolean {
  return skip.some((name) => `.${path}.`.includes(`.${name}.`))
}

/** The same thing said twice must be the same. */
function rejectContradiction(
  where: string,
  aliases: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, unknown>>,
): void {
  for (const [key, value] of Object.entries(aliases)) {
    if (own[key] === undefined || JSON.stringify(own[key]) === JSON.stringify(value)) continue
    throw new ConfigError(
      `${where}.${key}: must not contradict the keys of BitsAndBytesConfig; got ${shown(own[key])} and ${shown(value)}.`,
    )
  }
}

function check(where: string, config: QuantizationConfig): void {
  const require = (holds: boolean, key: keyof QuantizationConfig, must: string) => {
    if (!holds) throw new ConfigError(`${where}.${key}: ${must}; got ${shown(config[key])}.`)
  }
  require(FORMATS.includes(config.format), 'format', "must be 'nf4', 'fp4' or 'int8'")
  require(BLOCK_SIZES.includes(
    config.blockSize,
  ), 'blockSize', `must be one of ${BLOCK_SIZES.join(', ')}`)
  for (const key of ['doubleQuantization', 'fixedPoint'] as const) {
    require(typeof config[key] === 'boolean', key, 'must be true or false')
  }
  const names =
    Array.isArray(config.skip) && config.skip.every((n) => typeof n === 'string' && n !== '')
  require(names, 'skip', 'must be a list of names')
  const { computeDtype } = config
  require(COMPUTE_DTYPES.includes(computeDtype), 'computeDtype', "must be 'float32' or 'bfloat16'")
}

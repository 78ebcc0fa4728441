import { ConfigError, shown } from '@llft/errors'
import { flag, type OptionsOf, oneOf, parseOptions } from '@llft/options'
import type { QuantFormat } from '@llft/runtime'
import { z } from 'zod'
import {
  type BitsAndBytesOptions,
  bitsAndBytesShape,
  fromBitsAndBytes,
  withoutUndefined,
} from './bitsandbytes-config.js'
import type { QuantizationConfig } from './config.js'
import { blockSizes, layerNames } from './rules.js'

/** Some of the fields of QuantizationConfig, and of the keys of transformers' BitsAndBytesConfig. */
export interface QuantizationSettings extends OptionsOf<QuantizationConfig>, BitsAndBytesOptions {}

/**
 * A format, some of the fields of QuantizationConfig, or the keys of transformers' BitsAndBytesConfig, such as
 * `{ load_in_4bit: true, bnb_4bit_quant_type: 'nf4' }`. Defaults: nf4, blocks of 64, double quantisation, fixed point
 * in generation.
 */
export type QuantizationOptions = QuantFormat | QuantizationSettings

const DEFAULTS: QuantizationConfig = {
  format: 'nf4',
  blockSize: 64,
  doubleQuantization: true,
  skip: ['lm_head'],
  computeDtype: undefined,
  fixedPoint: true,
}

const formats = oneOf(['nf4', 'fp4', 'int8'])
const ownShape = {
  format: formats.optional(),
  blockSize: blockSizes.optional(),
  doubleQuantization: flag.optional(),
  skip: layerNames.optional(),
  computeDtype: oneOf(['float32', 'bfloat16']).optional(),
  fixedPoint: flag.optional(),
} satisfies Record<keyof QuantizationConfig, z.ZodType>
const schema = z.strictObject({ ...ownShape, ...bitsAndBytesShape })

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
  return parseQuantization(options, where)
}

/** The same for what came from a file. */
export function parseQuantization(options: unknown, where: string): QuantizationConfig {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const name = formats.safeParse(options)
    if (name.success) return { ...DEFAULTS, format: name.data }
    throw new ConfigError(
      `${where}: must be 'nf4', 'fp4', 'int8' or an object of options; got ${shown(options)}.`,
    )
  }
  const { format, blockSize, doubleQuantization, skip, computeDtype, fixedPoint, ...keys } =
    parseOptions(schema, options, where)
  const own = { format, blockSize, doubleQuantization, skip, computeDtype, fixedPoint }
  const aliases = fromBitsAndBytes(keys, where)
  rejectContradiction(where, aliases, own)
  const config = { ...DEFAULTS, ...aliases, ...withoutUndefined(own) }
  return { ...config, skip: [...new Set([...config.skip, 'lm_head'])] }
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

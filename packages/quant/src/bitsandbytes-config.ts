import { ConfigError } from '@llft/errors'
import { flag, oneOf } from '@llft/options'
import { z } from 'zod'
import type { QuantizationConfig } from './config.js'
import { blockSizes, computeDtypes, layerNames } from './rules.js'

/**
 * The keys of transformers' BitsAndBytesConfig, as they stand in code and in config.json; null counts as absent.
 *
 * Activations stay floats in every format, so `llm_int8_threshold`, the bound above which they do in LLM.int8(), has
 * nothing to do here, nor has where floats would be kept.
 */
export const bitsAndBytesShape = {
  quant_method: oneOf(['bitsandbytes']).nullish(),
  load_in_4bit: flag.nullish(),
  load_in_8bit: flag.nullish(),
  _load_in_4bit: z.unknown().optional(),
  _load_in_8bit: z.unknown().optional(),
  bnb_4bit_quant_type: oneOf(['nf4', 'fp4']).nullish(),
  bnb_4bit_use_double_quant: flag.nullish(),
  bnb_4bit_blocksize: blockSizes.nullish(),
  bnb_4bit_compute_dtype: computeDtypes.nullish(),
  bnb_4bit_quant_storage: oneOf(['uint8', 'torch.uint8']).nullish(),
  llm_int8_skip_modules: layerNames.nullish(),
  llm_int8_threshold: z.unknown().optional(),
  llm_int8_has_fp16_weight: z.literal(false, 'must be false').nullish(),
  llm_int8_enable_fp32_cpu_offload: z.unknown().optional(),
}

/** Keys of transformers' BitsAndBytesConfig that mean something here. */
export interface BitsAndBytesOptions {
  readonly quant_method?: 'bitsandbytes' | null | undefined
  readonly load_in_4bit?: boolean | null | undefined
  readonly load_in_8bit?: boolean | null | undefined
  readonly _load_in_4bit?: unknown
  readonly _load_in_8bit?: unknown
  readonly bnb_4bit_quant_type?: 'nf4' | 'fp4' | null | undefined
  readonly bnb_4bit_use_double_quant?: boolean | null | undefined
  readonly bnb_4bit_blocksize?: number | null | undefined
  /** 'float32' or 'bfloat16', with or without 'torch.'. */
  readonly bnb_4bit_compute_dtype?: string | null | undefined
  readonly bnb_4bit_quant_storage?: 'uint8' | 'torch.uint8' | null | undefined
  readonly llm_int8_skip_modules?: readonly string[] | null | undefined
  readonly llm_int8_threshold?: unknown
  readonly llm_int8_has_fp16_weight?: false | null | undefined
  readonly llm_int8_enable_fp32_cpu_offload?: unknown
}

/**
 * What the keys say, without what they leave open: bitsandbytes' own default, fp4 with float32 scales, is nobody's
 * intention, so it is never taken over.
 *
 * @throws ConfigError where both widths are asked for.
 */
export function fromBitsAndBytes(
  options: z.output<z.ZodObject<typeof bitsAndBytesShape>>,
  where: string,
): Partial<QuantizationConfig> {
  const { load_in_4bit: four, load_in_8bit: eight, bnb_4bit_quant_type: type } = options
  if (four === true && eight === true) {
    throw new ConfigError(
      `${where}: one of load_in_4bit and load_in_8bit may be true; got both. Leave one out.`,
    )
  }
  return withoutUndefined({
    format: eight === true ? 'int8' : (type ?? undefined),
    doubleQuantization: options.bnb_4bit_use_double_quant ?? undefined,
    blockSize: options.bnb_4bit_blocksize ?? undefined,
    skip: options.llm_int8_skip_modules ?? undefined,
    computeDtype: options.bnb_4bit_compute_dtype ?? undefined,
  })
}

/** The fields of `fields` that say something. */
export function withoutUndefined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>
}

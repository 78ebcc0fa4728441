import { ConfigError } from '@llft/errors'
import { flag, oneOf, parseOptions } from '@llft/options'
import {
  CausalLM,
  FLOAT_DTYPES,
  type LanguageModel,
  type LanguageModelClass,
  type LinearLoader,
  type LoadOptions,
  loadModelAs,
  readConfig,
  releasePages,
  type StoredLinear,
} from '@llft/runtime'
import { openCheckpoint } from '@llft/safetensors'
import { z } from 'zod'
import { readCodebooks } from './codebooks.js'
import { isSkipped, type QuantizationConfig } from './config.js'
import { type QuantizationOptions, quantizationConfig } from './options.js'
import { readQuantStates } from './quant-state.js'
import { QuantizedWeight } from './quantized-weight.js'
import { storedQuantization } from './stored-config.js'
import { storedFourBit, storedInt8 } from './stored-weight.js'

export interface LoadQuantizedOptions extends Omit<LoadOptions, 'loadLinear'> {
  /** Default: what the folder holds, or else nf4 with double quantisation. */
  quantization?: QuantizationOptions | undefined
}

const schema = z.strictObject({
  dtype: oneOf(['float32', 'bfloat16', 'auto']).optional(),
  checkFinite: flag.optional(),
  mmap: flag.optional(),
  // quantizationConfig looks into it.
  quantization: z.custom<QuantizationOptions>().optional(),
} satisfies Record<keyof LoadQuantizedOptions, z.ZodType>)

/**
 * Loads a model folder with its linear layers quantised, as `loadModel` loads it with floats. Float checkpoints are
 * quantised one tensor at a time from the mapped files, whose pages are let go of at once, so the floats never exist
 * together; checkpoints of bitsandbytes are taken as they are.
 *
 * @throws ConfigError for options that do not hold, or that are not those of a checkpoint that is quantised already.
 * @throws FormatError naming file and tensor.
 */
export function loadQuantizedModel(
  folder: string,
  options: LoadQuantizedOptions = {},
): Promise<CausalLM> {
  return loadQuantizedModelAs(CausalLM, folder, options)
}

/** As `loadQuantizedModel`, with the head of another class of models, which stays floats. */
export async function loadQuantizedModelAs<M extends LanguageModel>(
  kind: LanguageModelClass<M>,
  folder: string,
  options: LoadQuantizedOptions = {},
): Promise<M> {
  const { quantization, ...rest } = parseOptions(schema, options, 'loadQuantizedModel')
  const { config, loadLinear } = await quantizedLoader(folder, quantization, kind.head)
  return loadModelAs(kind, folder, {
    ...rest,
    dtype: rest.dtype ?? config.computeDtype ?? 'auto',
    loadLinear,
  })
}

/** How the linear layers of a folder become codes. */
export interface QuantizedLoader {
  readonly config: QuantizationConfig
  readonly loadLinear: LinearLoader
}

/**
 * What `loadQuantizedModel` does with each linear layer; with the same errors.
 *
 * @param head of the class of models, as for `parseConfig`.
 */
export async function quantizedLoader(
  folder: string,
  quantization?: QuantizationOptions,
  head?: string,
): Promise<QuantizedLoader> {
  const wanted = quantization === undefined ? undefined : quantizationConfig(quantization)
  const stored = storedQuantization(await readConfig(folder, head), folder)
  if (stored === undefined) {
    const config = wanted ?? quantizationConfig()
    return { config, loadLinear: quantizeLinear(config) }
  }
  if (wanted !== undefined) requireSame(folder, stored, wanted)
  // What the weights are is a fact of the files; how they are used is the caller's wish.
  const config = {
    ...stored,
    computeDtype: wanted?.computeDtype,
    fixedPoint: wanted?.fixedPoint ?? stored.fixedPoint,
  }
  return { config, loadLinear: await taking(folder, config) }
}

/** Quantises linear layers that are stored as floats. */
export function quantizeLinear(config: QuantizationConfig): LinearLoader {
  return (stored) => {
    if (isSkipped(config, stored.path)) return undefined
    const floats = stored.tensor('weight', stored.shape, FLOAT_DTYPES)
    const weight = QuantizedWeight.quantize(floats, config, (absmax) =>
      stored.requireFinite('weight', absmax),
    )
    releasePages(floats)
    weight.fixedPoint = config.fixedPoint
    return weight
  }
}

/** Takes what bitsandbytes stored; layers without codes are floats. */
async function taking(folder: string, config: QuantizationConfig): Promise<LinearLoader> {
  const checkpoint = await openCheckpoint(folder)
  const states = await readQuantStates(checkpoint, await readCodebooks())
  return (stored: StoredLinear) => {
    const state = states.get(stored.path)
    const isInt8 = state === undefined && checkpoint.tensors.has(`${stored.path}.SCB`)
    const weight = isInt8 ? storedInt8(stored) : state && storedFourBit(stored, state)
    if (weight !== undefined) weight.fixedPoint = config.fixedPoint
    return weight
  }
}

function requireSame(folder: string, stored: QuantizationConfig, wanted: QuantizationConfig): void {
  if (stored.format === wanted.format) return
  throw new ConfigError(
    `quantization: ${folder} is stored as ${stored.format} already; got ${wanted.format}. Leave the option out, or use float weights.`,
  )
}

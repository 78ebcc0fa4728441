import { ConfigError } from '@llft/errors'
import type { DType } from '@llft/native'
import { openCheckpoint } from '@llft/safetensors'
import { deviceInfo } from '../device.js'
import { CausalLM } from '../models/causal-lm.js'
import type { DecoderConfig } from '../models/decoder-config.js'
import { RandomSource } from '../models/random-source.js'
import { unscoped } from '../scope.js'
import { CheckpointSource, type LinearLoader } from './checkpoint-source.js'
import { readConfig } from './read-config.js'

/** float32, bfloat16, or what suits machine and checkpoint. */
export type ComputeDtype = 'float32' | 'bfloat16' | 'auto'

export interface LoadOptions {
  /**
   * Type of weights and activations. 'auto', the default, is bfloat16 where the machine multiplies it natively and the
   * checkpoint is stored in 16 bits, else float32.
   */
  dtype?: ComputeDtype
  /** Refuse weights that hold NaN or infinity; costs one pass over them. Default true. */
  checkFinite?: boolean
  /** Loads linear layers in another form than floats; @llft/quant has one. Default: floats. */
  loadLinear?: LinearLoader
}

/**
 * Loads a Hugging Face model folder: config.json and one or many safetensors files, float32, bfloat16 or float16.
 *
 * Files are memory-mapped; tensors stored in the compute type are not copied, and no byte is read twice.
 *
 * @throws ConfigError for a configuration that is not supported.
 * @throws FormatError naming a tensor that is missing, extra, misshapen, of another type or not finite.
 */
export async function loadModel(folder: string, options: LoadOptions = {}): Promise<CausalLM> {
  const { dtype = 'auto', checkFinite = true, loadLinear } = options
  const config = await readConfig(folder)
  if (loadLinear === undefined) rejectQuantised(folder, config)
  const checkpoint = await openCheckpoint(folder)
  const halves = [...checkpoint.tensors.values()].some(({ dtype }) => HALVES.includes(dtype))
  const compute = resolveDtype(dtype, halves)
  const source = new CheckpointSource(checkpoint, compute, checkFinite, loadLinear)
  try {
    const model = unscoped(() => new CausalLM(config, source))
    source.rejectLeftOver((name) => isDerived(name, config))
    await source.rejectNonFinite()
    return model
  } catch (error) {
    source.abandon()
    throw error
  } finally {
    source.close()
  }
}

const HALVES: readonly string[] = ['BF16', 'F16']

function rejectQuantised(folder: string, { source }: DecoderConfig): void {
  if (source.quantization_config === undefined || source.quantization_config === null) return
  throw new ConfigError(
    `${folder}: loadModel needs float weights; got a checkpoint of bitsandbytes. Call loadQuantizedModel of @llft/quant.`,
  )
}

export interface CreateOptions {
  /** Seed of the weights. Default 0. */
  seed?: number
  /** Default 'float32'. 'auto' is bfloat16 where the machine multiplies it natively. */
  dtype?: ComputeDtype
}

/** A model with random weights: N(0, initializer_range), norms 1, biases 0. */
export function createModel(config: DecoderConfig, options: CreateOptions = {}): CausalLM {
  const { seed = 0, dtype = 'float32' } = options
  const source = new RandomSource(resolveDtype(dtype, true), seed, config.initializerRange)
  return unscoped(() => new CausalLM(config, source))
}

/** The compute type that `dtype` asks for. */
export function resolveDtype(dtype: ComputeDtype, storedInHalves: boolean): DType {
  if (dtype !== 'auto') return dtype
  return storedInHalves && deviceInfo().isa.endsWith('bf16') ? 'bfloat16' : 'float32'
}

/** Tensors that files of some age hold although they follow from the configuration or from another tensor. */
function isDerived(name: string, config: DecoderConfig): boolean {
  return (
    name.endsWith('.rotary_emb.inv_freq') || (config.tiedEmbeddings && name === 'lm_head.weight')
  )
}

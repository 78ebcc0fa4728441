import { ConfigError } from '@llft/errors'
import type { DType } from '@llft/native'
import { type Checkpoint, openCheckpoint } from '@llft/safetensors'
import type { DecoderConfig } from '../models/decoder-config.js'
import { type ComputeDtype, resolveDtype } from './compute-dtype.js'
import { dtypeOfFile } from './file-dtypes.js'
import type { LinearLoader } from './linear-loader.js'
import { readConfig } from './read-config.js'

export interface OpenOptions {
  readonly dtype: ComputeDtype
  readonly loadLinear: LinearLoader | undefined
  /** What the class of the model ends with behind 'For'. */
  readonly head: string
}

/** What a model folder says of itself before a weight is read. */
export interface OpenedModel {
  readonly config: DecoderConfig
  readonly checkpoint: Checkpoint
  /** The compute type in which it is to be loaded. */
  readonly dtype: DType
}

/** Reads config.json and the headers of the weights. @throws ConfigError or FormatError as `loadModel` does. */
export async function openModel(folder: string, options: OpenOptions): Promise<OpenedModel> {
  const config = await readConfig(folder, options.head)
  if (options.loadLinear === undefined) rejectQuantised(folder, config)
  const checkpoint = await openCheckpoint(folder)
  const stored = [...checkpoint.tensors.values()].map(({ dtype }) => dtypeOfFile(dtype))
  return { config, checkpoint, dtype: resolveDtype(options.dtype, stored) }
}

function rejectQuantised(folder: string, { source }: DecoderConfig): void {
  if (source.quantization_config === undefined || source.quantization_config === null) return
  throw new ConfigError(
    `${folder}: loadModel needs float weights; got a checkpoint of bitsandbytes. Call loadQuantizedModel of @llft/quant.`,
  )
}

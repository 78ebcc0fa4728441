import { join } from 'node:path'
import { ConfigError } from '@llft/errors'
import { oneOf, parseOptions, wholeNumber } from '@llft/options'
import { writeFileAtomic, writeSharded } from '@llft/safetensors'
import { z } from 'zod'
import type { LanguageModel } from '../models/language-model.js'
import { Linear, LinearModule } from '../nn/linear.js'
import { configJson } from './config-json.js'
import { tensorSource } from './tensor-source.js'

export interface SaveOptions {
  /** Type of the stored weights. Default: the compute type of the model. */
  dtype?: 'float32' | 'bfloat16'
  /** Largest file, in bytes. Default 5e9. */
  maxShardBytes?: number
}

const schema = z.strictObject({
  dtype: oneOf(['float32', 'bfloat16']).optional(),
  maxShardBytes: wholeNumber(1).optional(),
})

/**
 * Writes a model folder that transformers reads: config.json and safetensors files, each complete or not there at all.
 * Tensors are read one by one, so the model is never in memory twice.
 *
 * @throws ConfigError where a linear layer is wrapped: an adapter must be merged and taken off first.
 */
export async function saveModel(
  folder: string,
  model: LanguageModel,
  options: SaveOptions = {},
): Promise<void> {
  const { dtype = model.dtype, maxShardBytes } = parseOptions(schema, options, 'saveModel')
  rejectWrapped(model)
  const sources = [...model.parameters()].map(([name, tensor]) => tensorSource(name, tensor, dtype))
  await writeSharded(folder, sources, maxShardBytes === undefined ? {} : { maxShardBytes })
  const json = JSON.stringify(configJson(model.config, dtype), null, 2)
  await writeFileAtomic(join(folder, 'config.json'), `${json}\n`)
}

function rejectWrapped(model: LanguageModel): void {
  for (const [path, module] of model.modules()) {
    if (module instanceof LinearModule && !(module instanceof Linear)) {
      const kind = module.constructor.name
      throw new ConfigError(
        `saveModel: ${path} must be a plain linear layer; got a ${kind}. Merge adapters first.`,
      )
    }
    if (module instanceof Linear && module.weight.dense === undefined) {
      throw new ConfigError(
        `saveModel: ${path} must be stored as floats; got a quantised weight. Call saveQuantizedModel of @llft/quant.`,
      )
    }
  }
}

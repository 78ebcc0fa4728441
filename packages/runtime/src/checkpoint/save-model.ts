import { ConfigError, type WarningHandler, Warnings } from '@llft/errors'
import { flag, handler, oneOf, parseOptions, text, wholeNumber } from '@llft/options'
import { z } from 'zod'
import type { LanguageModel } from '../models/language-model.js'
import { Linear, LinearModule } from '../nn/linear.js'
import { configJson } from './config-json.js'
import { type SavedModel, writeModelFolder } from './model-output.js'
import { tensorSource } from './tensor-source.js'

export interface SaveOptions {
  /** Type of the stored weights. Default: the compute type of the model. */
  dtype?: 'float32' | 'bfloat16' | undefined
  /** Largest file, in bytes. Default 5e9. */
  maxShardBytes?: number | undefined
  /** Folder from which tokenizer, chat template and generation settings are copied. Default: where it was loaded from. */
  baseModel?: string | undefined
  /** Replace a model in a folder that LLFT did not write; other files stay. Default false: such a folder is refused. */
  overwrite?: boolean | undefined
  /** Default: a line on stderr for each warning. */
  onWarning?: WarningHandler | undefined
}

/** The rules of what every function that saves a model takes. */
export const saveOptionsShape = {
  dtype: oneOf(['float32', 'bfloat16']).optional(),
  maxShardBytes: wholeNumber(1).optional(),
  baseModel: text('must be a folder').optional(),
  overwrite: flag.optional(),
  onWarning: handler<WarningHandler>().optional(),
} satisfies Record<keyof SaveOptions, z.ZodType>

const schema = z.strictObject(saveOptionsShape)

/**
 * Writes a model folder that transformers reads: safetensors files, the tokenizer of the base model and config.json, each
 * complete or not there at all. Tensors are read one by one, so the model is never in memory twice.
 *
 * @throws ConfigError where a linear layer is wrapped: an adapter must be merged and taken off first; and for a folder
 *   that cannot be written, holds other files, or, without `overwrite`, is the one that the model was loaded from.
 */
export async function saveModel(
  folder: string,
  model: LanguageModel,
  options: SaveOptions = {},
): Promise<SavedModel> {
  const { dtype = model.dtype, onWarning, ...rest } = parseOptions(schema, options, 'saveModel')
  rejectWrapped(model)
  const tensors = [...model.parameters()].map(([name, tensor]) => tensorSource(name, tensor, dtype))
  return writeModelFolder(folder, model, {
    ...rest,
    where: 'saveModel',
    isSameModel: true,
    tensors,
    config: configJson(model.config, dtype),
    warnings: new Warnings(onWarning),
  })
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

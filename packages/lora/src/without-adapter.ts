import { ConfigError } from '@llft/errors'
import type { LanguageModel } from '@llft/runtime'
import { trainedBiases } from './adapter-tensors.js'
import { type Attachment, attachmentOf } from './attachment.js'
import { originalOf } from './saved-module.js'

/**
 * Does something with the base model of `model`, as `disable_adapter` of PEFT: the adapter is out of its place meanwhile and
 * stays in memory. Nothing is copied, so the weights are there once for both.
 *
 * @param work must not use the adapter, such as by saving it; nothing else may use the model until it is done
 * @throws ConfigError if the model has no adapter, if it is merged, and if it holds biases, which replaced those of the base.
 */
export async function withoutAdapter<T>(
  model: LanguageModel,
  work: () => T | Promise<T>,
): Promise<T> {
  const attachment = attachmentOf(model, 'withoutAdapter')
  rejectChangedBase(model, attachment)
  const { layers, savedModules } = attachment
  for (const [path, layer] of layers) model.replaceChild(path, layer.base)
  for (const [path, saved] of savedModules) model.replaceChild(path, originalOf(saved))
  try {
    return await work()
  } finally {
    for (const [path, layer] of layers) model.replaceChild(path, layer)
    for (const [path, saved] of savedModules) model.replaceChild(path, saved)
  }
}

function rejectChangedBase(model: LanguageModel, attachment: Attachment): void {
  for (const [path, layer] of attachment.layers) {
    if (!layer.merged) continue
    throw new ConfigError(
      `withoutAdapter: the adapter must lie beside the weights; got one that is merged into '${path}'. Call unmergeLora first.`,
    )
  }
  for (const [path] of trainedBiases(model, attachment)) {
    throw new ConfigError(
      `withoutAdapter: the biases must be those of the base; got one of the adapter in '${path}'. Load the base a second time.`,
    )
  }
}

import { type LanguageModel, Linear, type Tensor } from '@llft/runtime'
import type { Attachment } from './attachment.js'

/** What PEFT puts before the path of a module. */
export const KEY_PREFIX = 'base_model.model.'

/**
 * The tensors of an adapter by their names in adapter_model.safetensors: the matrices of each layer, the modules that
 * are saved whole, and the biases that train.
 */
export function adapterTensors(model: LanguageModel, attachment: Attachment): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  const add = (path: string, name: string, tensor: Tensor) =>
    tensors.set(`${KEY_PREFIX}${path}.${name}`, tensor)
  for (const [path, layer] of attachment.layers) {
    for (const [name, tensor] of layer.adapterTensors()) add(path, name, tensor)
  }
  for (const [path, saved] of attachment.savedModules) {
    for (const [name, tensor] of saved.ownParameters()) add(path, name, tensor)
  }
  for (const [path, bias] of trainedBiases(model, attachment)) add(path, 'bias', bias)
  return tensors
}

/** Biases of the model that belong to the adapter, by the path of their layer. */
export function* trainedBiases(
  model: LanguageModel,
  { config, layers }: Attachment,
): Iterable<readonly [path: string, bias: Tensor]> {
  if (config.bias === 'none') return
  const adapted = new Set([...layers.values()].map((layer) => layer.base))
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Linear) || module.bias === undefined) continue
    if (path.endsWith('.original_module')) continue
    if (config.bias === 'all' || adapted.has(module)) yield [path, module.bias]
  }
}

import { ConfigError } from '@llft/errors'
import { type LanguageModel, TiedLinear } from '@llft/runtime'
import { attachmentOf } from './attachment.js'

/**
 * Adds every adapter to the weight of its layer: W + scale B A, with DoRA scaled to the magnitude, computed in float32
 * and rounded to the type in which W is stored. The weights of before are kept, so that `unmergeLora` brings them back
 * bit by bit: a merged model takes the memory of its adapted layers once more, unless these are mapped files.
 *
 * Results of the merged model differ from those of the adapter by rounding: in float32 by a few ulp of the products, in
 * bfloat16 by that of storing the sum.
 *
 * @throws ConfigError if the model has no adapter, is merged already, or adapts a head that shares the matrix of the
 *   token embedding.
 */
export function mergeLora(model: LanguageModel): void {
  const { layers } = attachmentOf(model, 'mergeLora')
  for (const [path, layer] of layers) {
    if (layer.merged)
      throw new ConfigError('mergeLora: the adapter must not be merged; got one that is.')
    if (layer.base instanceof TiedLinear) {
      throw new ConfigError(
        `mergeLora: '${path}' must have a weight of its own; got the matrix of the token embedding. Keep the adapter apart.`,
      )
    }
  }
  for (const layer of layers.values()) layer.merge()
}

/** Takes the adapters out of the weights again: every bit is as it was before `mergeLora`. */
export function unmergeLora(model: LanguageModel): void {
  const { layers } = attachmentOf(model, 'unmergeLora')
  for (const layer of layers.values()) {
    if (!layer.merged) {
      throw new ConfigError('unmergeLora: the adapter must be merged; got one that is not.')
    }
  }
  for (const layer of layers.values()) layer.unmerge()
}

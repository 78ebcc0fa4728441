import { readCommon, windowsByLayer } from './common-config.js'
import type { Family } from './family.js'

/** Qwen3 (dense): Llama whose queries and keys are normalised per head, with a head width of its own (128 if absent). */
export const qwen3: Family = {
  modelType: 'qwen3',
  name: 'Qwen3',
  read(config) {
    const common = readCommon(config.withDefault('head_dim', 128))
    const bias = config.boolean('attention_bias', false)
    return {
      ...common,
      qkNorm: true,
      qkvBias: bias,
      outputBias: bias,
      windows: windowsByLayer(config, common.layers),
    }
  },
}

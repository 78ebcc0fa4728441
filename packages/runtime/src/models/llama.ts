import { readCommon } from './common-config.js'
import type { Family } from './family.js'

/** Llama 1, 2 and 3.x, and what shares its form: TinyLlama, SmolLM2. */
export const llama: Family = {
  modelType: 'llama',
  name: 'Llama',
  read(config) {
    const bias = config.boolean('attention_bias', false)
    return {
      ...readCommon(config),
      qkvBias: bias,
      outputBias: bias,
      mlpBias: config.boolean('mlp_bias', false),
    }
  },
}

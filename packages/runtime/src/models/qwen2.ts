import { readCommon, windowsByLayer } from './common-config.js'
import type { Family } from './family.js'

/** Qwen2 and Qwen2.5: Llama with a bias on queries, keys and values, and a window on the upper layers where asked for. */
export const qwen2: Family = {
  modelType: 'qwen2',
  name: 'Qwen2',
  read(config) {
    const common = readCommon(config)
    return { ...common, qkvBias: true, windows: windowsByLayer(config, common.layers) }
  },
}

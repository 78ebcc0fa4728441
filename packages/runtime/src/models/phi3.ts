import { readCommon } from './common-config.js'
import type { Family } from './family.js'

/** Phi-3 and Phi-3.5 mini: Llama with queries, keys and values in one matrix, gate and up in another, and longrope. */
export const phi3: Family = {
  modelType: 'phi3',
  name: 'Phi3',
  read(config) {
    const common = readCommon(config)
    const window = config.has('sliding_window') ? config.positions('sliding_window') : 0
    return {
      ...common,
      projections: 'fused',
      windows: new Array<number>(common.layers).fill(window),
    }
  },
}

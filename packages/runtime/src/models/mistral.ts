import { readCommon } from './common-config.js'
import type { Family } from './family.js'

/** Mistral 7B: Llama whose layers see a sliding window. An absent `sliding_window` means 4096, null none. */
export const mistral: Family = {
  modelType: 'mistral',
  name: 'Mistral',
  read(config) {
    const common = readCommon(config)
    const { sliding_window: stored } = config.json
    const window = stored === null ? 0 : config.positions('sliding_window', 4096)
    return { ...common, windows: new Array<number>(common.layers).fill(window) }
  },
}

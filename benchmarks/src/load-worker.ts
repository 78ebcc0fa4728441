// Loads of ours, one for each line of standard input: the protocol of baselines/transformers_load.py.
import { loadQuantizedModel } from '@llft/quant'
import { loadModel, synchronize } from '@llft/runtime'
import { serveRounds } from './worker.js'

export interface LoadSetting {
  folder: string
  base: 'bf16' | 'nf4-double'
}

const { folder, base } = JSON.parse(process.argv[2] ?? '') as LoadSetting
await seconds()
await serveRounds({}, async (bytes) => ({ work: Number(bytes), seconds: await seconds() }))

async function seconds(): Promise<number> {
  const start = performance.now()
  const load = base === 'bf16' ? loadModel : loadQuantizedModel
  const model = await load(folder, { dtype: 'bfloat16' })
  await synchronize()
  const taken = (performance.now() - start) / 1000
  model.dispose()
  return taken
}

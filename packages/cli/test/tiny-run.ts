import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { injectLora, saveAdapter } from '@llft/lora'
import { loadModel } from '@llft/runtime'
import { tinyCheckpoint } from '../../lora/test/tiny-checkpoint.js'

/** A small random model, and an adapter that changes what it says. */
export interface TinyRun {
  readonly model: string
  /** The folder of a run with the adapter in `adapter`. */
  readonly run: string
  readonly adapter: string
}

export async function tinyRun(): Promise<TinyRun> {
  const folder = await tinyCheckpoint()
  const run = await mkdtemp(join(tmpdir(), 'llft-run-'))
  const adapter = join(run, 'adapter')
  const model = await loadModel(folder, { dtype: 'float32' })
  injectLora(model, { targetModules: 'all-linear', initLoraWeights: false, alpha: 64 })
  await saveAdapter(model, adapter, { baseModel: folder })
  model.dispose()
  return { model: folder, run, adapter }
}

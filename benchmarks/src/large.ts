import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measureMachinePeak, parseConfig } from '@llft/runtime'
import { loraStepFlops, MISTRAL_7B, shapeOf } from './model-shape.js'
import { Peer } from './peer.js'
import { writeRandomCheckpoint } from './random-checkpoint.js'
import { type BenchOptions, compared, type Result, wanted } from './result.js'
import { LORA, type TrainSetting } from './train-setting.js'

/**
 * QLoRA of a model of Mistral-7B's shape with random weights: what loading and a step take. It writes 14.5 GB into the
 * folder for temporary files, and takes them away again.
 */
export async function qlora7b(options: BenchOptions): Promise<Result[]> {
  const about = { bench: 'qlora-7b', case: 'Mistral-7B NF4 r16 1x512 checkpointing' }
  if (!wanted(about.case, options)) return []
  const { log } = options
  const setting: TrainSetting = {
    ...LORA,
    base: 'nf4-double',
    checkpointing: true,
    batch: 1,
    tokens: 512,
  }
  const folder = mkdtempSync(join(tmpdir(), 'llft-bench-'))
  try {
    log('writing 14.5 GB of random weights')
    await writeRandomCheckpoint(folder, parseConfig(MISTRAL_7B))
    log('loading and a first step')
    const peer = await Peer.ours('train-worker.js', { ...setting, folder })
    log('a second step')
    const { work, seconds, peakResident } = await peer.ask(1)
    peer.stop()
    const { bfloat16 } = await measureMachinePeak()
    const limit = bfloat16 / loraStepFlops(shapeOf(MISTRAL_7B), setting.tokens, setting.rank)
    const memory = (metric: string, bytes: number): Result => ({
      ...about,
      metric,
      value: bytes / 1e9,
      unit: 'GB',
    })
    return [
      compared({ ...about, metric: 'speed', value: work / seconds, unit: 'tokens/s', limit }),
      memory('peak resident memory of loading', Number(peer.about.loadedResident)),
      memory('peak resident memory', peakResident),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

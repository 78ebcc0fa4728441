import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Contest } from './contest.js'
import type { LoadSetting } from './load-worker.js'
import { Peer } from './peer.js'
import { type BenchOptions, compared, type Result, wanted } from './result.js'
import { withSmolLM2 } from './smollm2-folder.js'

const CASES: readonly { name: string; base: LoadSetting['base']; peer: string }[] = [
  { name: 'SmolLM2-135M bf16', base: 'bf16', peer: 'transformers' },
  { name: 'SmolLM2-135M into NF4', base: 'nf4-double', peer: 'transformers + bitsandbytes' },
]

/** From a folder whose file is in the page cache to a model whose weights are ready, in a process that is warm. */
export function load(options: BenchOptions): Promise<Result[]> {
  return withSmolLM2(async (folder) => {
    const results: Result[] = []
    for (const one of CASES) {
      if (wanted(one.name, options)) results.push(...(await measure(folder, one, options)))
    }
    return results
  })
}

async function measure(
  folder: string,
  { name, base, peer }: (typeof CASES)[number],
  options: BenchOptions,
): Promise<Result[]> {
  using contest = await Contest.start({
    ours: () => Peer.ours('load-worker.js', { folder, base } satisfies LoadSetting),
    ...(options.baseline && {
      peer: () => Peer.python('transformers_load.py', [folder, '--base', base]),
    }),
  })
  const bytes = statSync(join(folder, 'model.safetensors')).size
  const { of: runs, peak } = await contest.measure(bytes, name, 'bytes/s', options)
  const about = { bench: 'load', case: name }
  const seconds = (speed: number): number => bytes / speed
  return [
    compared({
      ...about,
      metric: 'speed',
      value: runs.ours.speed / 1e6,
      unit: 'MB/s of the file',
      limit: peak.bandwidth / 1e6,
      ...(runs.peer && { baseline: { name: peer, value: runs.peer.speed / 1e6 } }),
    }),
    {
      ...about,
      metric: 'time',
      value: seconds(runs.ours.speed),
      unit: 's',
      ...(runs.peer && { baseline: { name: peer, value: seconds(runs.peer.speed) } }),
    },
  ]
}

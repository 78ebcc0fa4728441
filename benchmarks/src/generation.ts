import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deviceInfo, type MachinePeak, parseConfig } from '@llft/runtime'
import { Contest } from './contest.js'
import type { GenerationRequest, GenerationSetting } from './generation-setting.js'
import {
  type ConfigJson,
  decodeBytes,
  LLAMA_1B,
  type ModelShape,
  prefillFlops,
  SMOLLM2_135M,
  shapeOf,
} from './model-shape.js'
import { baselinePath, Peer, pythonProgram, requirePackages } from './peer.js'
import { peerLimit } from './peer-isa.js'
import { writeRandomCheckpoint } from './random-checkpoint.js'
import { type BenchOptions, compared, type Result, wanted } from './result.js'

/** Ours, and the type of llama.cpp's matrices that takes about as many bytes. */
interface Case {
  model: string
  config: ConfigJson
  base: GenerationSetting['base']
  peerType: 'Q8_0' | 'Q4_0'
}

const CASES: readonly Case[] = [
  { model: 'Llama 1.1B', config: LLAMA_1B, base: 'int8', peerType: 'Q8_0' },
  { model: 'Llama 1.1B', config: LLAMA_1B, base: 'nf4', peerType: 'Q4_0' },
  { model: 'SmolLM2-135M', config: SMOLLM2_135M, base: 'int8', peerType: 'Q8_0' },
]
const CONTEXT = 128
const DRAWN = 32
const PROMPT = 1024

/** Tokens after each other, one sequence: bound by reading the weights. */
export function decode(options: BenchOptions): Promise<Result[]> {
  const limit = (shape: ModelShape, base: Case['base'], peak: MachinePeak): number =>
    peak.bandwidth / decodeBytes(shape, base, CONTEXT + DRAWN / 2)
  return measureAll('decode', { decode: DRAWN, context: CONTEXT }, limit, options)
}

/** Reading a prompt: bound by products. */
export function prefill(options: BenchOptions): Promise<Result[]> {
  const limit = (shape: ModelShape, _: Case['base'], peak: MachinePeak): number =>
    peak.bfloat16 / prefillFlops(shape, PROMPT)
  return measureAll('prefill', { prefill: PROMPT }, limit, options)
}

async function measureAll(
  bench: string,
  request: GenerationRequest,
  limitOf: (shape: ModelShape, base: Case['base'], peak: MachinePeak) => number,
  options: BenchOptions,
): Promise<Result[]> {
  // Before the minutes that writing weights takes.
  if (options.baseline) requirePeer()
  const results: Result[] = []
  const scratch = mkdtempSync(join(tmpdir(), 'llft-bench-'))
  try {
    for (const one of CASES) {
      const { model, config, base, peerType } = one
      const name = `${model} ${base} ${request.prefill ?? request.decode} tokens`
      if (!wanted(name, options)) continue
      using contest = await startContest(scratch, one, options)
      const { of, peak } = await contest.measure(request, name, 'tokens/s', options)
      const { speed, peakResident } = of.ours
      const { peer } = of
      const about = { bench, case: name }
      const peerName = `llama.cpp ${peerType}`
      results.push(
        compared({
          ...about,
          metric: 'speed',
          value: speed,
          unit: 'tokens/s',
          limit: limitOf(shapeOf(config), base, peak),
          ...(peer && { baseline: { name: peerName, value: peer.speed } }),
        }),
        {
          ...about,
          metric: 'peak resident memory',
          value: peakResident / 1e6,
          unit: 'MB',
          ...(peer && { baseline: { name: peerName, value: peer.peakResident / 1e6 } }),
        },
      )
    }
    return results
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function startContest(
  scratch: string,
  { config, base, peerType }: Case,
  { baseline, log }: BenchOptions,
): Promise<Contest> {
  log('writing random weights')
  const folder = join(scratch, 'checkpoint')
  rmSync(folder, { recursive: true, force: true })
  await writeRandomCheckpoint(folder, parseConfig(config))
  return Contest.start({
    ours: () => Peer.ours('generation-worker.js', { folder, base } satisfies GenerationSetting),
    ...(baseline && { peer: () => startPeer(folder, peerType) }),
  })
}

const PEER = 'llama-cpp/generate.mjs'

function requirePeer(): void {
  pythonProgram()
  requirePackages(PEER)
}

function startPeer(folder: string, type: Case['peerType']): Promise<Peer> {
  const file = join(folder, `${type}.gguf`)
  const script = baselinePath('write_gguf.py')
  const run = spawnSync(
    pythonProgram(),
    [script, join(folder, 'config.json'), file, '--type', type],
    { encoding: 'utf8' },
  )
  if (run.status !== 0) throw new Error(`bench: ${script} failed: ${run.stderr}`)
  const backend = peerLimit()?.llamaBackend
  return Peer.node(PEER, [file, `${deviceInfo().threads}`, ...(backend ? [backend] : [])])
}

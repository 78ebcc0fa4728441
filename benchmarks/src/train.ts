import { Contest } from './contest.js'
import { fullStepFlops, loraStepFlops, SMOLLM2_135M, shapeOf } from './model-shape.js'
import { Peer } from './peer.js'
import { type BenchOptions, compared, type Result, wanted } from './result.js'
import { withSmolLM2 } from './smollm2-folder.js'
import { LORA, peerArguments, type TrainSetting } from './train-setting.js'

/** Steps of one round: long enough that starting does not count, short enough to alternate often. */
const STEPS = 2

/** LoRA training of SmolLM2-135M in bfloat16, every token labelled, nothing recomputed. */
export function train(options: BenchOptions): Promise<Result[]> {
  return withSmolLM2((folder) =>
    measure(
      'train',
      folder,
      { name: 'LoRA r16 4x256', ours: LORA, peer: 'PEFT + PyTorch bf16' },
      options,
    ),
  )
}

/** All parameters of SmolLM2-135M, AdamW. */
export function full(options: BenchOptions): Promise<Result[]> {
  const ours: TrainSetting = { ...LORA, method: 'full', learningRate: 1e-5 }
  return withSmolLM2((folder) =>
    measure('full', folder, { name: 'all parameters 4x256', ours, peer: 'PyTorch bf16' }, options),
  )
}

/** The LoRA bench on a base in nf4 with double quantisation, beside the same on our bfloat16 base. */
export function qlora(options: BenchOptions): Promise<Result[]> {
  const peer = 'PEFT + bitsandbytes'
  return withSmolLM2(async (folder) => {
    const results: Result[] = []
    for (const checkpointing of [false, true]) {
      const name = `NF4 r16 4x256${checkpointing ? ' checkpointing' : ''}`
      const ours: TrainSetting = { ...LORA, base: 'nf4-double', checkpointing }
      const dense: TrainSetting = { ...ours, base: 'bf16' }
      results.push(...(await measure('qlora', folder, { name, ours, dense, peer }, options)))
    }
    return results
  })
}

interface Case {
  name: string
  ours: TrainSetting
  /** Ours again on floats, to be told beside it. */
  dense?: TrainSetting
  /** Name of the peer. */
  peer: string
}

async function measure(
  bench: string,
  folder: string,
  { name, ours, dense, peer }: Case,
  options: BenchOptions,
): Promise<Result[]> {
  const title = `SmolLM2-135M bf16 ${name}`
  if (!wanted(title, options)) return []
  using contest = await Contest.start({
    ours: () => Peer.ours('train-worker.js', { ...ours, folder }),
    ...(dense && { dense: () => Peer.ours('train-worker.js', { ...dense, folder }) }),
    ...(options.baseline && {
      peer: () => Peer.python('peft_train.py', peerArguments(folder, ours)),
    }),
  })
  const { of: runs, peak } = await contest.measure(STEPS, title, 'tokens/s', options)
  const { speed, peakResident } = runs.ours
  const results = [
    compared({
      bench,
      case: title,
      metric: 'speed',
      value: speed,
      unit: 'tokens/s',
      limit: peak.bfloat16 / flopsOf(ours),
      ...(runs.peer && { baseline: { name: peer, value: runs.peer.speed } }),
    }),
    {
      bench,
      case: title,
      metric: 'peak resident memory',
      value: peakResident / 1e6,
      unit: 'MB',
      ...(runs.peer && { baseline: { name: peer, value: runs.peer.peakResident / 1e6 } }),
    },
  ]
  if (runs.dense === undefined) return results
  const value = speed / runs.dense.speed
  return [...results, { bench, case: title, metric: 'speed', value, unit: 'x of our bf16 base' }]
}

/** What is recomputed does not count: the limit is that of the work that a step needs. */
function flopsOf(setting: TrainSetting): number {
  const shape = shapeOf(SMOLLM2_135M)
  return setting.method === 'full'
    ? fullStepFlops(shape, setting.tokens)
    : loraStepFlops(shape, setting.tokens, setting.rank)
}

import { Contest, type Start } from './contest.js'
import { fastestTypeOfPyTorch } from './fastest-type.js'
import { FLOAT_TYPES, type FloatType } from './float-type.js'
import { Peer } from './peer.js'
import { type BenchOptions, type Result, wanted } from './result.js'
import { withSmolLM2 } from './smollm2-folder.js'
import { type Contestant, type TrainCase, titleOf, trainResults } from './train-results.js'
import { LORA, peerArguments, type TrainSetting } from './train-setting.js'

/** Steps of one round: long enough that starting does not count, short enough to alternate often. */
const STEPS = 2

/** LoRA training of SmolLM2-135M, every token labelled, nothing recomputed. */
export function train(options: BenchOptions): Promise<Result[]> {
  const peer = 'PEFT + PyTorch'
  const one: TrainCase = { bench: 'train', name: 'LoRA r16 4x256', setting: LORA, peer, like: true }
  return withSmolLM2((folder) => measure(folder, one, options))
}

/** All parameters of SmolLM2-135M, AdamW. */
export function full(options: BenchOptions): Promise<Result[]> {
  const setting: TrainSetting = { ...LORA, method: 'full', learningRate: 1e-5 }
  const one: TrainCase = { bench: 'full', name: 'all parameters 4x256', setting, peer: 'PyTorch' }
  return withSmolLM2((folder) => measure(folder, one, options))
}

/** The LoRA bench on a base in nf4 with double quantisation, beside the same on our base in floats. */
export function qlora(options: BenchOptions): Promise<Result[]> {
  return withSmolLM2(async (folder) => {
    const results: Result[] = []
    for (const checkpointing of [false, true]) {
      const name = `NF4 r16 4x256${checkpointing ? ' checkpointing' : ''}`
      const setting: TrainSetting = { ...LORA, base: 'nf4-double', checkpointing }
      const one: TrainCase = { bench: 'qlora', name, setting, peer: 'PEFT + bitsandbytes' }
      results.push(...(await measure(folder, one, options)))
    }
    return results
  })
}

/** Ours in each type, ours on a base in floats where the case has another, and the peer, all in one contest. */
async function measure(folder: string, one: TrainCase, options: BenchOptions): Promise<Result[]> {
  const types = FLOAT_TYPES.filter((dtype) => wanted(titleOf(one, dtype), options))
  if (types.length === 0) return []
  const fastest = options.baseline ? fastestTypeOfPyTorch(options.log) : undefined
  const peers = fastest === undefined ? [] : peerTypes(one, types, fastest)
  using contest = await Contest.start(starts(folder, one, types, peers))
  const title = `SmolLM2-135M ${one.name}`
  const { of: runs, peak } = await contest.measure(STEPS, title, 'tokens/s', options)
  return types.flatMap((dtype) => trainResults(one, dtype, { runs, peak, fastest }))
}

/** The fastest, and those of ours too where like is to be compared with like. A slow bfloat16 would take minutes. */
function peerTypes(
  { like }: TrainCase,
  types: readonly FloatType[],
  fastest: FloatType,
): FloatType[] {
  return like && types.includes('float32') ? [...new Set([fastest, 'float32'] as const)] : [fastest]
}

type Starts = Partial<Record<Contestant, Start>>

function starts(
  folder: string,
  { setting }: TrainCase,
  types: readonly FloatType[],
  peers: readonly FloatType[],
): Starts {
  const started: Starts = {}
  const ours = (changed: Partial<TrainSetting>): Start => {
    const whole = { ...setting, ...changed, folder }
    return () => Peer.ours('train-worker.js', whole)
  }
  for (const dtype of types) {
    started[`ours ${dtype}`] = ours({ dtype })
    if (setting.base !== 'floats') started[`floats ${dtype}`] = ours({ dtype, base: 'floats' })
  }
  for (const dtype of peers) {
    const args = peerArguments(folder, { ...setting, dtype })
    started[`peer ${dtype}`] = () => Peer.python('peft_train.py', args)
  }
  return started
}

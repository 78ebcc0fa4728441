import type { MachinePeak } from '@llft/runtime'
import type { Measured } from './contest.js'
import { type FloatType, SHORT_TYPE } from './float-type.js'
import { fullStepFlops, loraStepFlops, SMOLLM2_135M, shapeOf } from './model-shape.js'
import { compared, type Result } from './result.js'
import type { TrainSetting } from './train-setting.js'

/** A training that ours does in each type and the peer in its fastest. */
export interface TrainCase {
  bench: string
  name: string
  /** Of ours and of the peer but for the type. */
  setting: TrainSetting
  /** Name of the peer. */
  peer: string
  /** Whether the peer runs in float32 too where that is not its fastest type, to compare like with like. */
  like?: true
}

/** Ours, ours on a base in floats, and the peer, each in a type. */
export type Contestant = `${'ours' | 'floats' | 'peer'} ${FloatType}`

export interface TrainRuns {
  runs: Partial<Record<Contestant, Measured>>
  peak: MachinePeak
  /** Of the peer; undefined without one. */
  fastest: FloatType | undefined
}

export function titleOf({ name }: TrainCase, dtype: FloatType): string {
  return `SmolLM2-135M ${SHORT_TYPE[dtype]} ${name}`
}

/** Ours in `dtype`: beside the peer's fastest type, beside the same type, beside our base in floats. */
export function trainResults(one: TrainCase, dtype: FloatType, of: TrainRuns): Result[] {
  const about = { bench: one.bench, case: titleOf(one, dtype) }
  const ours = of.runs[`ours ${dtype}`]!
  const limit = of.peak[dtype] / flopsOf(one.setting)
  const results: Result[] = peersOf(dtype, of).flatMap((type) => {
    const name = `${one.peer} ${type}`
    const peer = type && of.runs[`peer ${type}`]
    return [
      compared({
        ...{ ...about, metric: 'speed', value: ours.speed, unit: 'tokens/s', limit },
        ...(peer && { baseline: { name, value: peer.speed } }),
      }),
      {
        ...{ ...about, metric: 'peak resident memory', value: ours.peakResident / 1e6, unit: 'MB' },
        ...(peer && { baseline: { name, value: peer.peakResident / 1e6 } }),
      },
    ]
  })
  const floats = of.runs[`floats ${dtype}`]
  if (floats === undefined) return results
  const unit = `x of our ${SHORT_TYPE[dtype]} base`
  return [...results, { ...about, metric: 'speed', value: ours.speed / floats.speed, unit }]
}

/** The types of the peer to be told beside ours, the fastest first; one without a type where there is no peer. */
function peersOf(dtype: FloatType, { runs, fastest }: TrainRuns): (FloatType | undefined)[] {
  const like = dtype !== fastest && runs[`peer ${dtype}`] !== undefined
  return like ? [fastest, dtype] : [fastest]
}

/** What is recomputed does not count: the limit is that of the work that a step needs. */
function flopsOf(setting: TrainSetting): number {
  const shape = shapeOf(SMOLLM2_135M)
  return setting.method === 'full'
    ? fullStepFlops(shape, setting.tokens)
    : loraStepFlops(shape, setting.tokens, setting.rank)
}

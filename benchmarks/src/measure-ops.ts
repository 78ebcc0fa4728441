import type { MachinePeak } from '@llft/runtime'
import { Contest, type Start } from './contest.js'
import { fastestTypeOfPyTorch } from './fastest-type.js'
import type { FloatType } from './float-type.js'
import { type OpCase, requestOf } from './ops-case.js'
import { Peer } from './peer.js'
import { type BenchOptions, compared, type Result, wanted } from './result.js'

export interface NamedOp {
  name: string
  op: OpCase
}

/** What ops are compared to. */
export interface OpsPeer {
  nameFor: (dtype: FloatType) => string
  start: Start
}

/** In the type of the case, but where bfloat16 is emulated in float32. Undefined without a peer. */
export function pytorch({ baseline, log }: BenchOptions): OpsPeer | undefined {
  if (!baseline) return undefined
  const emulates = fastestTypeOfPyTorch(log) === 'float32'
  return {
    nameFor: (dtype) => (emulates && dtype === 'bfloat16' ? 'PyTorch float32' : 'PyTorch'),
    start: () => Peer.python('torch_ops.py', emulates ? ['--dtype', 'float32'] : []),
  }
}

/** The speed of each op next to that of a peer, and to the peak of its dtype or of memory. */
export async function measureOps(
  bench: string,
  ops: readonly NamedOp[],
  peer: OpsPeer | undefined,
  options: BenchOptions,
): Promise<Result[]> {
  const cases = ops.filter(({ name }) => wanted(name, options))
  if (cases.length === 0) return []
  using contest = await Contest.start({
    ours: () => Peer.ours('ops-worker.js', {}),
    ...(peer && { peer: peer.start }),
  })
  const results: Result[] = []
  for (const { name, op } of cases) {
    const unit = op.op === 'memory' ? 'B/s' : 'FLOP/s'
    const { of: runs, peak } = await contest.measure(requestOf(op), name, unit, options)
    const baseline = peer &&
      runs.peer && { name: peer.nameFor(op.dtype), value: runs.peer.speed / 1e9 }
    results.push(
      compared({
        bench,
        case: name,
        metric: 'speed',
        value: runs.ours.speed / 1e9,
        unit: `G${unit}`,
        limit: limitOf(op, peak) / 1e9,
        ...(baseline && { baseline }),
      }),
    )
  }
  return results
}

function limitOf(op: OpCase, peak: MachinePeak): number {
  return op.op === 'memory' ? peak.bandwidth : peak[op.dtype]
}

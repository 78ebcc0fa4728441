import { Contest } from './contest.js'
import { type OpCase, requestOf } from './ops-case.js'
import { Peer } from './peer.js'
import { type BenchOptions, compared, type Result, wanted } from './result.js'

export interface NamedOp {
  name: string
  op: OpCase
}

/** What ops are compared to. */
export interface OpsPeer {
  name: string
  start: () => Promise<Peer>
}

export const PYTORCH: OpsPeer = {
  name: 'PyTorch',
  start: () => Peer.python('torch_ops.py', []),
}

/** The speed of each op next to that of a peer, and to the peak of its dtype. */
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
    const { of: runs, peak } = await contest.measure(requestOf(op), name, 'FLOP/s', options)
    results.push(
      compared({
        bench,
        case: name,
        metric: 'speed',
        value: runs.ours.speed / 1e9,
        unit: 'GFLOP/s',
        limit: peak[op.dtype] / 1e9,
        ...(peer && runs.peer && { baseline: { name: peer.name, value: runs.peer.speed / 1e9 } }),
      }),
    )
  }
  return results
}

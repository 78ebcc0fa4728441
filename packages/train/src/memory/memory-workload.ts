import type { TokenBatch } from '@llft/runtime'

/** The batches of a run that take the most memory. */
export interface Workload {
  /** Micro-batches of the steps to rehearse, the largest batch in the last of them. */
  readonly steps: readonly (readonly TokenBatch[])[]
  /** The largest batch of the held-out part. */
  readonly evalBatch: TokenBatch | undefined
}

/** Batches that are looked at for the largest one. */
const MOST_BATCHES = 20_000
/** Steps that are rehearsed before it: tensors of other lengths leave other holes. */
const OTHER_STEPS = 3

export interface WorkloadOptions {
  readonly batches: (epoch: number) => Iterable<TokenBatch>
  readonly evalBatches?: (() => Iterable<TokenBatch>) | undefined
  /** Batches that the run takes, over all epochs. */
  readonly count: number
  readonly gradientAccumulation: number
}

/** Finds the batch with the most tokens among those that a run takes. */
export function workloadOf(options: WorkloadOptions): Workload {
  const { batches, evalBatches, count, gradientAccumulation } = options
  const most = Math.min(count, MOST_BATCHES)
  const first: TokenBatch[] = []
  let largest: TokenBatch | undefined
  for (let epoch = 0, seen = 0; seen < most; epoch++) {
    const before = seen
    for (const batch of batches(epoch)) {
      if (first.length < OTHER_STEPS) first.push(batch)
      largest = larger(largest, batch)
      if (++seen === most) break
    }
    // An epoch without a batch would come again for ever.
    if (seen === before) break
  }
  let evalBatch: TokenBatch | undefined
  for (const batch of evalBatches?.() ?? []) evalBatch = larger(evalBatch, batch)
  const all = largest === undefined ? first : [...first, largest]
  return { steps: all.map((batch) => stepOf(batch, gradientAccumulation)), evalBatch }
}

/** `rows` rows of `length` tokens each, all of them counted. */
export function fullWorkload(rows: number, length: number, accumulation: number): Workload {
  const tokens = rows * length
  const batch = {
    ids: new Int32Array(tokens),
    targets: new Int32Array(tokens),
    positions: Int32Array.from({ length: tokens }, (_, i) => i % length),
    cuSeqlens: Int32Array.from({ length: rows + 1 }, (_, i) => i * length),
  }
  return { steps: [stepOf(batch, accumulation)], evalBatch: undefined }
}

/** The same run with at most `rows` rows in a batch and `length` tokens in a row. */
export function cutWorkload(
  { steps, evalBatch }: Workload,
  rows: number,
  length: number,
): Workload {
  const cut = (batch: TokenBatch) => cutBatch(batch, rows, length)
  return { steps: steps.map((step) => step.map(cut)), evalBatch: evalBatch && cut(evalBatch) }
}

/** Tokens of the largest batch. */
export function tokensOf({ steps }: Workload): number {
  return steps.flat().reduce((most, { ids }) => Math.max(most, ids.length), 0)
}

/** The second micro-batch already meets the gradients of the first; a third adds nothing. */
function stepOf(batch: TokenBatch, accumulation: number): TokenBatch[] {
  return accumulation > 1 ? [batch, batch] : [batch]
}

function larger(a: TokenBatch | undefined, b: TokenBatch): TokenBatch {
  return a === undefined || b.ids.length > a.ids.length ? b : a
}

/** The longest rows, each from its end, where the counted tokens are. */
function cutBatch(batch: TokenBatch, rows: number, length: number): TokenBatch {
  const { ids, targets, positions, cuSeqlens } = batch
  const spans = Array.from(cuSeqlens.subarray(1), (end, row) => {
    const start = cuSeqlens[row] as number
    return { start: Math.max(start, end - length), end }
  })
  const kept = spans.sort((a, b) => b.end - b.start - (a.end - a.start)).slice(0, rows)
  const pick = (values: Int32Array) =>
    Int32Array.from(kept.flatMap(({ start, end }) => [...values.subarray(start, end)]))
  const starts = [0]
  for (const { start, end } of kept) starts.push((starts.at(-1) as number) + end - start)
  return {
    ids: pick(ids),
    ...(targets && { targets: pick(targets) }),
    positions: pick(positions),
    cuSeqlens: Int32Array.from(starts),
  }
}

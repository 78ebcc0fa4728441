import { batchOf, IGNORED_TARGET, type TokenBatch } from '@llft/runtime'
import { type GoldenCase, tensorOf } from './cases.js'

/** The rows of a case without their padding. */
export interface Rows {
  ids: number[][]
  labels: number[][]
}

/** @throws if the padding of a row is not at its end */
export function readRows(golden: GoldenCase): Rows {
  const ids = tensorOf(golden, 'input_ids')
  const mask = tensorOf(golden, 'attention_mask')
  const labels = tensorOf(golden, 'labels')
  const [rows = 0, columns = 0] = ids.shape
  const cut = (values: ArrayLike<number>, row: number, length: number): number[] =>
    Array.from({ length }, (_, i) => values[row * columns + i]!)
  const lengths = Array.from({ length: rows }, (_, row) => {
    const marks = cut(mask.values, row, columns)
    const length = marks.lastIndexOf(1) + 1
    if (marks.slice(0, length).includes(0)) {
      throw new Error(`${golden.folder}: padding must be on the right; row ${row} has a gap.`)
    }
    return length
  })
  return {
    ids: lengths.map((length, row) => cut(ids.values, row, length)),
    labels: lengths.map((length, row) => cut(labels.values, row, length)),
  }
}

/** All rows as one packed batch; the target of a token is the label of the next, as in transformers. */
export function trainingBatch({ ids, labels }: Rows): TokenBatch {
  const targets = labels.flatMap((row) => [...row.slice(1), IGNORED_TARGET])
  return { ...batchOf(ids), targets: Int32Array.from(targets) }
}

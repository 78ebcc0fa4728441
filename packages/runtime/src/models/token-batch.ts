import type { RowContext } from '../nn/index.js'

/** Token sequences laid end to end, without padding between them. */
export interface TokenBatch {
  /** [T]. */
  readonly ids: Int32Array
  /** [T] the token that should follow each; -100 where none is counted. */
  readonly targets?: Int32Array | undefined
  /** [T] place of each token in its sequence, from 0. */
  readonly positions: Int32Array
  /** [B + 1] where each sequence starts; the last is T. */
  readonly cuSeqlens: Int32Array
  /** [B] the adapter of each sequence, of those that the model holds by name. Absent: all are treated alike. */
  readonly adapters?: readonly (string | undefined)[] | undefined
}

/** A target that is not counted; `IGNORED` of @llft/data, which knows no tensors, is the same label. */
export const IGNORED_TARGET = -100

/** Sequences one after another, without targets. */
export function batchOf(sequences: readonly (readonly number[])[]): TokenBatch {
  const starts = [0]
  for (const sequence of sequences) starts.push((starts.at(-1) as number) + sequence.length)
  return {
    ids: Int32Array.from(sequences.flat()),
    positions: Int32Array.from(sequences.flatMap((sequence) => sequence.map((_, index) => index))),
    cuSeqlens: Int32Array.from(starts),
  }
}

/**
 * What layers may know of the rows of a batch.
 *
 * @param rows those that a layer is given. Default: all.
 */
export function rowContext(batch: TokenBatch, rows?: Int32Array): RowContext {
  const { adapters, cuSeqlens } = batch
  const names = [...new Set(adapters)].filter((name) => name !== undefined)
  if (adapters === undefined || names.length === 0) return {}
  const ofRow = new Int32Array(batch.ids.length)
  for (const [sequence, name] of adapters.entries()) {
    const index = name === undefined ? -1 : names.indexOf(name)
    ofRow.fill(index, cuSeqlens[sequence], cuSeqlens[sequence + 1])
  }
  return {
    adapters: {
      names,
      ofRow: rows === undefined ? ofRow : rows.map((row) => ofRow[row] as number),
    },
  }
}

/** Attention segments of a batch that reads its own keys: (query start, count, key start, count) for each sequence. */
export function selfSegments(batch: TokenBatch): number[] {
  const segments: number[] = []
  for (let index = 0; index + 1 < batch.cuSeqlens.length; index++) {
    const start = batch.cuSeqlens[index] as number
    const count = (batch.cuSeqlens[index + 1] as number) - start
    segments.push(start, count, start, count)
  }
  return segments
}

import { ConfigError } from '@llft/errors'
import { parseOptions, wholeNumber } from '@llft/options'
import { z } from 'zod'
import { type Example, IGNORED } from './example.js'
import type { Source } from './source.js'

/**
 * Sequences laid end to end. T tokens in all, B sequences; sequence b is
 * [cuSeqlens[b], cuSeqlens[b + 1]), and no token sees another sequence.
 */
export interface Batch {
  /** [T] token ids. */
  readonly ids: Int32Array
  /** [T] the next token of the same sequence where it is learnt, else -100. */
  readonly targets: Int32Array
  /** [T] place in the sequence, from 0. */
  readonly positions: Int32Array
  /** [B + 1] where sequences start, and T. */
  readonly cuSeqlens: Int32Array
  /** Tokens of the rows, without padding. */
  readonly tokens: number
  /** Targets that are not -100: what a loss is divided by. */
  readonly countedTokens: number
  /** B. */
  readonly examples: number
  /** [B] the row of each sequence. */
  readonly sources: readonly Source[]
}

export interface CollateOptions {
  /** Length of every sequence, or `longest` for that of the longest one. Default: no padding. */
  readonly padTo?: number | 'longest' | undefined
  /** Token that fills up; no real token ever sees it. Default 0. */
  readonly padId?: number | undefined
}

export const collateShape = {
  padTo: z
    .union([wholeNumber(1), z.literal('longest')], "must be a length or 'longest'")
    .optional(),
  padId: wholeNumber(0).default(0),
} satisfies Record<keyof CollateOptions, z.ZodType>
const schema = z.strictObject(collateShape)

/**
 * Makes a batch of rows. Padding stands behind a sequence and has no target, so with causal
 * attention every number of the real tokens is the same with and without it.
 */
export function collate(examples: readonly Example[], options: CollateOptions = {}): Batch {
  const { padTo, padId } = parseOptions(schema, options, 'collate')
  const lengths = examples.map(({ ids }) => ids.length)
  const padded = paddedLengths(lengths, padTo)
  const cuSeqlens = Int32Array.from([0, ...padded])
  for (let b = 1; b < cuSeqlens.length; b++) cuSeqlens[b]! += cuSeqlens[b - 1]!
  const total = cuSeqlens.at(-1) ?? 0
  const ids = new Int32Array(total).fill(padId)
  const targets = new Int32Array(total).fill(IGNORED)
  const positions = new Int32Array(total)
  for (const [b, example] of examples.entries()) {
    const start = cuSeqlens[b]!
    ids.set(example.ids, start)
    targets.set(example.labels.subarray(1), start)
    for (let i = 0; i < padded[b]!; i++) positions[start + i] = i
  }
  return {
    ids,
    targets,
    positions,
    cuSeqlens,
    tokens: lengths.reduce((a, b) => a + b, 0),
    countedTokens: targets.reduce((count, target) => count + (target === IGNORED ? 0 : 1), 0),
    examples: examples.length,
    sources: examples.map(({ source }) => source),
  }
}

function paddedLengths(lengths: number[], padTo: CollateOptions['padTo']): number[] {
  if (padTo === undefined) return lengths
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0)
  const length = padTo === 'longest' ? longest : padTo
  if (!Number.isInteger(length) || length < longest) {
    throw new ConfigError(
      `collate: padTo must be at least the longest row, ${longest} tokens; got ${length}.`,
    )
  }
  return lengths.map(() => length)
}

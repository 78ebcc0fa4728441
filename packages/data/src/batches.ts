import { ConfigError } from '@llft/errors'
import { flag, parseOptions, wholeNumber } from '@llft/options'
import { z } from 'zod'
import { type Batch, type CollateOptions, collate, collateShape } from './collate.js'
import type { Example } from './example.js'
import { pack } from './pack.js'
import { permutation, STREAMS } from './random.js'

export interface BatchOptions extends CollateOptions {
  /** Rows of a batch; with packing, packs of a batch. Default 1. */
  readonly batchSize?: number | undefined
  /** Whether the order is drawn anew each epoch. Default true. */
  readonly shuffle?: boolean | undefined
  /** Default 0. */
  readonly seed?: number | undefined
  /** Default 0. */
  readonly epoch?: number | undefined
  /** Whether several rows share a pack of at most maxTokens tokens. Default false. */
  readonly packing?: boolean | undefined
  /** Tokens of a pack; needed with packing. */
  readonly maxTokens?: number | undefined
}

/** The batches of an epoch; each is made when it is asked for. */
export interface Batches extends Iterable<Batch> {
  readonly length: number
  /** Batch `index`, from 0: a run that goes on from a checkpoint starts in the middle. */
  at(index: number): Batch
}

const schema = z.strictObject({
  batchSize: wholeNumber(1).default(1),
  shuffle: flag.optional(),
  seed: wholeNumber(0).optional(),
  epoch: wholeNumber(0).optional(),
  packing: flag.optional(),
  maxTokens: wholeNumber(1).optional(),
  ...collateShape,
} satisfies Record<keyof BatchOptions, z.ZodType>)

/**
 * The batches of one epoch. Every row comes once; the last batch may be smaller. The order depends
 * on seed, epoch and the number of rows alone, and the number of batches is the same every epoch.
 * @throws ConfigError for a batch size below 1 or packing without maxTokens
 */
export function batches(examples: readonly Example[], options: BatchOptions = {}): Batches {
  const { batchSize, padTo, padId } = parseOptions(schema, options, 'batches')
  const rows = orderedRows(examples, options)
  const length = Math.ceil(rows.length / batchSize)
  const at = (index: number): Batch => {
    if (!Number.isInteger(index) || index < 0 || index >= length) {
      throw new ConfigError(`batches: index must be below ${length}; got ${index}.`)
    }
    return collate(rows.slice(index * batchSize, (index + 1) * batchSize).flat(), { padTo, padId })
  }
  return {
    length,
    at,
    *[Symbol.iterator]() {
      for (let index = 0; index < length; index++) yield at(index)
    },
  }
}

/** Groups of rows that belong together, in the order of the epoch. */
function orderedRows(examples: readonly Example[], options: BatchOptions): Example[][] {
  const { shuffle = true, packing = false, maxTokens } = options
  const ordered = shuffle ? permuted(examples, options, STREAMS.shuffle) : [...examples]
  if (!packing) return ordered.map((example) => [example])
  if (maxTokens === undefined) {
    throw new ConfigError('batches.maxTokens: must be given with packing; got nothing.')
  }
  const packs = pack(ordered, maxTokens)
  // Packs come out with the longest rows first, which is no order to train in.
  return shuffle ? permuted(packs, options, STREAMS.rows) : packs
}

function permuted<T>(items: readonly T[], { seed, epoch }: BatchOptions, stream: number): T[] {
  const order = permutation(items.length, seed ?? 0, epoch ?? 0, stream)
  return Array.from(order, (i) => items[i] as T)
}

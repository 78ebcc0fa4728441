import { ConfigError } from '@llft/errors'
import { above, parseOptions, wholeNumber } from '@llft/options'
import { z } from 'zod'
import { permutation, STREAMS } from './random.js'

export interface HoldoutOptions {
  /** Share of the rows held out, above 0 and below 1. */
  readonly fraction?: number | undefined
  /** Number of rows held out, instead of a share. */
  readonly count?: number | undefined
  /** Default 0. */
  readonly seed?: number | undefined
}

const schema = z.strictObject({
  fraction: above(0).lt(1, 'must be below 1').optional(),
  count: wholeNumber(1).optional(),
  seed: wholeNumber(0).default(0),
} satisfies Record<keyof HoldoutOptions, z.ZodType>)

/**
 * Splits rows at random into a part to train on and a part to evaluate on; both keep their order.
 * @throws ConfigError if a part would be empty, or for an option out of its range
 */
export function splitHoldout<T>(
  rows: readonly T[],
  options: HoldoutOptions,
): { train: T[]; holdout: T[] } {
  const { fraction = 0, count, seed } = parseOptions(schema, options, 'splitHoldout')
  const held = count ?? Math.round(rows.length * fraction)
  if (held < 1 || held >= rows.length) {
    throw new ConfigError(
      `splitHoldout: both parts must hold a row; got ${held} of ${rows.length} held out.`,
    )
  }
  const chosen = new Set(permutation(rows.length, seed, 0, STREAMS.holdout).subarray(0, held))
  return {
    train: rows.filter((_, i) => !chosen.has(i)),
    holdout: rows.filter((_, i) => chosen.has(i)),
  }
}

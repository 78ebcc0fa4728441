import { ConfigError } from '@llft/errors'
import { permutation, STREAMS } from './random.js'

export interface HoldoutOptions {
  /** Share of the rows held out, above 0 and below 1. */
  readonly fraction?: number
  /** Number of rows held out, instead of a share. */
  readonly count?: number
  /** Default 0. */
  readonly seed?: number
}

/**
 * Splits rows at random into a part to train on and a part to evaluate on; both keep their order.
 * @throws ConfigError if a part would be empty
 */
export function splitHoldout<T>(
  rows: readonly T[],
  { fraction, count, seed = 0 }: HoldoutOptions,
): { train: T[]; holdout: T[] } {
  const held = count ?? Math.round(rows.length * (fraction ?? 0))
  if (!Number.isInteger(held) || held < 1 || held >= rows.length) {
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

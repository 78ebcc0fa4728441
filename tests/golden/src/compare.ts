import type { Bound } from './bounds.js'

type Numbers = ArrayLike<number>

/** An error and what it may be. */
export interface Comparison {
  error: number
  /** Undefined where nothing is promised. */
  limit: number | undefined
}

/**
 * Of all numbers the one that comes nearest to its limit, or goes farthest beyond it. NaN or a different length is an
 * infinite error.
 */
export function compare(actual: Numbers, expected: Numbers, bound: Bound): Comparison {
  const limitAt = limitsOf(bound, expected)
  if (actual.length !== expected.length) {
    return { error: Number.POSITIVE_INFINITY, limit: limitAt(0) }
  }
  switch (bound.measure) {
    case 'absolute':
      return worstDifference(actual, expected, limitAt)
    case 'relative':
      return { error: normError(actual, expected), limit: limitAt(0) }
    case 'differing':
      return { error: countDiffering(actual, expected), limit: limitAt(0) }
  }
}

/** The same over named tensors; a name on one side only is an infinite error. */
export function compareEach(
  actual: ReadonlyMap<string, Numbers>,
  expected: ReadonlyMap<string, Numbers>,
  bound: Bound,
): Comparison & { where: string } {
  let worst = { ...compare([], [], bound), where: '' }
  for (const where of new Set([...actual.keys(), ...expected.keys()])) {
    const found = compare(actual.get(where) ?? [], expected.get(where) ?? [], bound)
    if (excess(found) > excess(worst)) worst = { ...found, where }
  }
  return worst
}

/** Where nothing is promised, a result is still a number. */
export function within({ error, limit }: Comparison): boolean {
  return limit === undefined ? Number.isFinite(error) : error <= limit
}

/** |actual - expected| / |expected| in the Euclidean norm. */
export function normError(actual: Numbers, expected: Numbers): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  let difference = 0
  let size = 0
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2
    size += expected[i]! ** 2
  }
  if (size === 0) return difference === 0 ? 0 : Number.POSITIVE_INFINITY
  return infiniteIfNaN(Math.sqrt(difference / size))
}

/** How large an error may be, by the index of the expected number. */
function limitsOf(
  { floor, times, spread }: Bound,
  expected: Numbers,
): (i: number) => number | undefined {
  const fromSpread = spread === undefined ? undefined : times * spread
  if (floor === undefined) return () => fromSpread
  if (floor.of === 'each') {
    return (i) => Math.max(floor.limit * Math.abs(expected[i] ?? 0), fromSpread ?? 0)
  }
  const size = floor.of === 'largest' ? largestMagnitude(expected) : 1
  const limit = Math.max(floor.limit * size, fromSpread ?? 0)
  return () => limit
}

function worstDifference(
  actual: Numbers,
  expected: Numbers,
  limitAt: (i: number) => number | undefined,
): Comparison {
  let worst: Comparison = { error: 0, limit: limitAt(0) }
  for (let i = 0; i < expected.length; i++) {
    const error = infiniteIfNaN(Math.abs(actual[i]! - expected[i]!))
    const found = { error, limit: limitAt(i) }
    if (excess(found) > excess(worst)) worst = found
  }
  return worst
}

/** By how many times its limit an error is as large. */
function excess({ error, limit }: Comparison): number {
  if (error === 0) return 0
  return limit === undefined ? error : error / limit
}

function largestMagnitude(values: Numbers): number {
  let largest = 0
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!))
  return largest
}

function countDiffering(actual: Numbers, expected: Numbers): number {
  let count = 0
  for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) count++
  return count
}

function infiniteIfNaN(value: number): number {
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value
}

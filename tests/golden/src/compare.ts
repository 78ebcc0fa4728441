import type { Measure } from './bounds.js'

type Numbers = ArrayLike<number>

/** The largest error of `actual` in one measure; NaN or a different length is an infinite error. */
export function largestError(measure: Measure, actual: Numbers, expected: Numbers): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  switch (measure) {
    case 'absolute':
      return largestDifference(actual, expected)
    case 'relative':
      return largestRelative(actual, expected)
    case 'of largest':
      return largestDifference(actual, expected) / largestMagnitude(expected)
    case 'differing':
      return countDiffering(actual, expected)
  }
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

function largestDifference(actual: Numbers, expected: Numbers): number {
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, infiniteIfNaN(Math.abs(actual[i]! - expected[i]!)))
  }
  return largest
}

function largestRelative(actual: Numbers, expected: Numbers): number {
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i]! - expected[i]!) / expected[i]!)
    largest = Math.max(largest, infiniteIfNaN(error))
  }
  return largest
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

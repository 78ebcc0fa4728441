/**
 * Philox4x32-10: four random 32-bit words for a counter and a key. Any word of any stream can be
 * computed on its own, so an order does not depend on what was drawn before.
 * Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11.
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0)
    const high1 = multiplyHigh(0xcd9e8d57, c2)
    const low0 = Math.imul(0xd2511f53, c0)
    const low1 = Math.imul(0xcd9e8d57, c2)
    ;[c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0]
    k0 = (k0 + 0x9e3779b9) | 0
    k1 = (k1 + 0xbb67ae85) | 0
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0]
}

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 0x10000)
  const carry = (middle % 0x10000) + aLow * bHigh
  return aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)
}

/** Uses of the generator that must not draw the same numbers. */
export const STREAMS = { shuffle: 0x5f5f_0001, rows: 0x5f5f_0002, holdout: 0x5f5f_0003 } as const

/**
 * A permutation of 0..n-1 by Fisher and Yates, the same for the same arguments everywhere.
 * @param seed whole number from 0 up to 2^53
 */
export function permutation(n: number, seed: number, epoch = 0, stream: number = STREAMS.shuffle) {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  const key = [(seed % 0x1_0000_0000) | 0, Math.floor(seed / 0x1_0000_0000) | 0] as const
  for (let i = n - 1; i > 0; i--) {
    const [word] = philox([i, epoch, stream, 0], key)
    const j = Math.floor((word * (i + 1)) / 0x1_0000_0000)
    const swapped = order[i] as number
    order[i] = order[j] as number
    order[j] = swapped
  }
  return order
}

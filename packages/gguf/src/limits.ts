/** More than any model needs, and little enough to refuse before memory is taken. */
export const LIMITS = {
  headerBytes: 256 * 2 ** 20,
  stringBytes: 64 * 2 ** 20,
  arrayElements: 16 * 2 ** 20,
  keyBytes: 65535,
  /** ggml keeps names in 64 bytes with a zero at the end. */
  nameBytes: 63,
  entries: 100_000,
  dimensions: 4,
  minAlignment: 8,
  maxAlignment: 65536,
} as const

export const DEFAULT_ALIGNMENT = 32

/** The next multiple of `alignment` from `bytes` on. */
export function padded(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

/** Bits of one element of each element type of the format. Types below 8 bits are packed. */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const

/** Name of an element type as the header spells it. */
export type SafetensorsDtype = keyof typeof DTYPE_BITS

export function isDtype(name: unknown): name is SafetensorsDtype {
  return typeof name === 'string' && Object.hasOwn(DTYPE_BITS, name)
}

/**
 * Bytes of a tensor, or the reason why it has no size: a product beyond 2^53, or packed elements
 * that do not fill their last byte.
 */
export function tensorBytes(dtype: SafetensorsDtype, shape: readonly number[]): number | string {
  let bits: number = DTYPE_BITS[dtype]
  for (const size of shape) {
    bits *= size
    if (bits > Number.MAX_SAFE_INTEGER) return 'a size beyond 2^53 bits'
  }
  return bits % 8 === 0 ? bits / 8 : `${bits} bits, which is no whole number of bytes`
}

import type { SafetensorsDtype, SafetensorsFile, TensorInfo } from '@llft/safetensors'
import type { InspectOptions } from './inspection.js'

/** Names that are told of; the others are counted. */
const NAMED = 5

/** The bits of the exponent: where all are set, a number is infinite or none. */
const EXPONENTS: Partial<Record<SafetensorsDtype, number>> = {
  F32: 0x7f800000,
  BF16: 0x7f80,
  F16: 0x7c00,
}

/** What reading all values found. */
export interface DeepFacts {
  /** Tensors that hold NaN or infinity. */
  readonly nonFinite: readonly string[]
  /** Tensors whose values all are zero. */
  readonly zero: readonly string[]
  /** Tensors of types that hold neither, or are not known here. */
  readonly skipped: number
}

/**
 * Reads every value of float32, bfloat16 and float16, a tensor at a time.
 *
 * @throws FormatError if a file changed since it was opened
 */
export async function readDeeply(
  tensors: Iterable<TensorInfo & { readonly file: SafetensorsFile }>,
  { onProgress }: InspectOptions,
): Promise<DeepFacts> {
  const nonFinite: string[] = []
  const zero: string[] = []
  let skipped = 0
  for (const { name, dtype, file } of tensors) {
    const exponent = EXPONENTS[dtype]
    if (exponent === undefined) {
      skipped++
      continue
    }
    onProgress?.(`reading ${name}`)
    const { isWhole, isZero } = look(await file.read(name), dtype, exponent)
    if (!isWhole) nonFinite.push(name)
    if (isZero) zero.push(name)
  }
  return { nonFinite, zero, skipped }
}

/** A problem for the tensors that are not finite; none where all are. */
export function finiteProblems({ nonFinite }: DeepFacts): string[] {
  if (nonFinite.length === 0) return []
  const more = nonFinite.length > NAMED ? ` and ${nonFinite.length - NAMED} more` : ''
  return [
    `NaN or infinity in ${nonFinite.slice(0, NAMED).join(', ')}${more}: the weights are of no use. Take an earlier checkpoint, or train again with a lower learning rate.`,
  ]
}

function look(bytes: Uint8Array, dtype: SafetensorsDtype, exponent: number) {
  // Each read has a buffer of its own, so it begins at a multiple of the element's size.
  const bits =
    dtype === 'F32'
      ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
      : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
  const magnitude = dtype === 'F32' ? 0x7fffffff : 0x7fff
  let isWhole = true
  let isZero = true
  for (const value of bits) {
    if ((value & exponent) === exponent) isWhole = false
    if ((value & magnitude) !== 0) isZero = false
  }
  return { isWhole, isZero }
}

import type { DType } from '@llft/native'

const ELEMENT_BYTES: Readonly<Record<DType, number>> = {
  float32: 4,
  int32: 4,
  bfloat16: 2,
  float16: 2,
  uint8: 1,
  int8: 1,
}

/** Bytes of a tensor's elements. */
export function tensorBytes(shape: readonly number[], dtype: DType): number {
  return shape.reduce((product, size) => product * size, ELEMENT_BYTES[dtype])
}

/** Shape and type of a tensor to come. */
export interface TensorSpec {
  readonly shape: readonly number[]
  readonly dtype: DType
}

import type { DType } from '@llft/native'
import type { SafetensorsDtype } from '@llft/safetensors'

/** How safetensors files spell the element types of tensors. */
const FILE_DTYPES: Readonly<Record<DType, SafetensorsDtype>> = {
  float32: 'F32',
  bfloat16: 'BF16',
  float16: 'F16',
  int32: 'I32',
  uint8: 'U8',
  int8: 'I8',
}
const DTYPES = new Map<string, DType>(
  Object.entries(FILE_DTYPES).map(([dtype, name]) => [name, dtype as DType]),
)

/** The element types that weights may be stored in before they are cast. */
export const FLOAT_DTYPES: readonly DType[] = ['float32', 'bfloat16', 'float16']

/** The name of an element type in a safetensors header. */
export function safetensorsDtype(dtype: DType): SafetensorsDtype {
  return FILE_DTYPES[dtype]
}

/** The element type of a name in a safetensors header; undefined where tensors have no such type. */
export function dtypeOfFile(name: SafetensorsDtype): DType | undefined {
  return DTYPES.get(name)
}

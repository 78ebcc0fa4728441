// Values of metadata, as `enum gguf_type` of ggml numbers their types.

/** Types of one number or flag, each with its number in a file and its bytes. */
export const SCALARS = {
  uint8: [0, 1],
  int8: [1, 1],
  uint16: [2, 2],
  int16: [3, 2],
  uint32: [4, 4],
  int32: [5, 4],
  float32: [6, 4],
  bool: [7, 1],
  uint64: [10, 8],
  int64: [11, 8],
  float64: [12, 8],
} as const
export const STRING_ID = 8
export const ARRAY_ID = 9

export type ScalarType = keyof typeof SCALARS
export type NumberType = Exclude<ScalarType, 'bool' | 'uint64' | 'int64'>

/** The numbers of an array, as they lie in memory. */
export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array

/** A value of metadata with its type. */
export type GgufValue =
  | { readonly type: NumberType; readonly value: number }
  | { readonly type: 'uint64' | 'int64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly element: 'string'; readonly value: readonly string[] }
  | { readonly type: 'array'; readonly element: 'bool'; readonly value: readonly boolean[] }
  | {
      readonly type: 'array'
      readonly element: Exclude<ScalarType, 'bool'>
      readonly value: NumberArray
    }

/** Makes values of metadata. */
export const gguf = {
  uint8: (value: number): GgufValue => ({ type: 'uint8', value }),
  uint16: (value: number): GgufValue => ({ type: 'uint16', value }),
  uint32: (value: number): GgufValue => ({ type: 'uint32', value }),
  int32: (value: number): GgufValue => ({ type: 'int32', value }),
  float32: (value: number): GgufValue => ({ type: 'float32', value }),
  uint64: (value: bigint): GgufValue => ({ type: 'uint64', value }),
  bool: (value: boolean): GgufValue => ({ type: 'bool', value }),
  string: (value: string): GgufValue => ({ type: 'string', value }),
  strings: (value: readonly string[]): GgufValue => ({ type: 'array', element: 'string', value }),
  int32s: (value: Int32Array): GgufValue => ({ type: 'array', element: 'int32', value }),
  uint32s: (value: Uint32Array): GgufValue => ({ type: 'array', element: 'uint32', value }),
  float32s: (value: Float32Array): GgufValue => ({ type: 'array', element: 'float32', value }),
} as const

export const ARRAYS = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float64: Float64Array,
} as const

/** The type of a number in a file; undefined for text, lists, and numbers that stand for nothing. */
export function scalarTypeOf(id: number): ScalarType | undefined {
  return (Object.keys(SCALARS) as ScalarType[]).find((name) => SCALARS[name][0] === id)
}

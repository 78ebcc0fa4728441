import { DtypeError } from '@llft/errors'
import type { DType } from '@llft/native'

/** What `Tensor.from` takes. */
export type HostData = Float32Array | Int32Array | Uint8Array | Int8Array | readonly number[]

/** What `Tensor.read` gives: Float32Array for every float type. */
export type HostArray = Float32Array | Int32Array | Uint8Array | Int8Array

/** The bytes of `data` in the layout of `dtype`. */
export function bytesOf(data: HostData, dtype: DType): Uint8Array {
  switch (dtype) {
    case 'float32':
      return raw(data instanceof Float32Array ? data : Float32Array.from(data))
    case 'int32':
      return raw(data instanceof Int32Array ? data : Int32Array.from(data))
    case 'uint8':
      return raw(data instanceof Uint8Array ? data : Uint8Array.from(data))
    case 'int8':
      return raw(data instanceof Int8Array ? data : Int8Array.from(data))
    case 'bfloat16':
      return raw(roundToBfloat16(data instanceof Float32Array ? data : Float32Array.from(data)))
    case 'float16':
      throw new DtypeError('Tensor.from: dtype must be one that ops compute in; got float16.')
  }
}

/** The typed array of a tensor's bytes; 16-bit floats are widened. */
export function hostArray(buffer: ArrayBuffer, dtype: DType): HostArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer)
    case 'int32':
      return new Int32Array(buffer)
    case 'uint8':
      return new Uint8Array(buffer)
    case 'int8':
      return new Int8Array(buffer)
    case 'bfloat16':
      return widenBfloat16(new Uint16Array(buffer))
    case 'float16':
      return Float32Array.from(new Uint16Array(buffer), halfToNumber)
  }
}

/** Round to nearest, ties to even; NaN stays NaN. */
export function roundToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  return Uint16Array.from(bits, (word) => {
    if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40
    return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  })
}

export function widenBfloat16(values: Uint16Array): Float32Array {
  const bits = Uint32Array.from(values, (value) => value << 16)
  return new Float32Array(bits.buffer)
}

function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function raw(array: Exclude<HostData, readonly number[]> | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

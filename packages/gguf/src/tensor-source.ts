import { FormatError } from '@llft/errors'
import { type GgmlType, ggmlTypeInfo } from './ggml-types.js'
import { LIMITS } from './limits.js'
import { bytesOf } from './parse-header.js'

/** The bytes of a tensor: at once, or part by part, so that it never is in memory whole. */
export type TensorBytes = Uint8Array | AsyncIterable<Uint8Array>

/** A tensor to be written. */
export interface GgufTensorSource {
  readonly name: string
  readonly type: GgmlType
  /** Row-major sizes; the last is that of a row. */
  readonly shape: readonly number[]
  /** Called when its turn comes. */
  readonly data: () => TensorBytes | Promise<TensorBytes>
}

/** One whose description was checked. */
export interface CheckedTensor extends GgufTensorSource {
  readonly byteLength: number
}

/** @throws FormatError naming a tensor that a reader would refuse */
export function checkTensors(path: string, tensors: readonly GgufTensorSource[]): CheckedTensor[] {
  const seen = new Set<string>()
  return tensors.map((tensor) => {
    const { name, type, shape } = tensor
    const fail = (must: string, got: string): never => {
      throw new FormatError(`${path}: tensor "${name}" ${must}; got ${got}.`)
    }
    const length = Buffer.byteLength(name)
    if (length === 0 || length > LIMITS.nameBytes) {
      fail(`must have a name of 1 to ${LIMITS.nameBytes} bytes`, String(length))
    }
    if (seen.has(name)) fail('must be there once', 'it twice')
    seen.add(name)
    if (
      shape.length > LIMITS.dimensions ||
      shape.some((size) => !Number.isSafeInteger(size) || size < 0)
    ) {
      fail(`must have at most ${LIMITS.dimensions} whole sizes`, `[${shape.join(', ')}]`)
    }
    const byteLength = bytesOf(type, shape.toReversed())
    if (typeof byteLength === 'string') {
      return fail(`of ${type} [${shape.join(', ')}] must have a size`, byteLength)
    }
    return { ...tensor, byteLength }
  })
}

/** The bytes of a tensor, each part as it comes. @throws FormatError if they are more or fewer than announced */
export async function* bytesInTurn(
  path: string,
  tensor: CheckedTensor,
): AsyncGenerator<Uint8Array> {
  const { name, type, shape, byteLength } = tensor
  const data = await tensor.data()
  let done = 0
  for await (const part of data instanceof Uint8Array ? [data] : data) {
    done += part.length
    if (done > byteLength) break
    yield part
  }
  if (done === byteLength) return
  const { blockElements } = ggmlTypeInfo(type)
  throw new FormatError(
    `${path}: tensor "${name}", ${type}${blockElements > 1 ? ` in blocks of ${blockElements}` : ''} [${shape.join(', ')}], must bring ${byteLength} bytes; got ${done > byteLength ? 'more' : done}.`,
  )
}

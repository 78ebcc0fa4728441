import { FormatError } from '@llft/errors'
import { DTYPE_BITS, isDtype, type SafetensorsDtype, tensorBytes } from './dtype.js'

/** The elements of a tensor: row-major, little endian. */
export type TensorData = ArrayBufferView

/** A tensor to be written. */
export interface TensorSource {
  readonly name: string
  readonly dtype: SafetensorsDtype
  /** Row-major sizes; [] is a scalar. */
  readonly shape: readonly number[]
  /** A function is called when its turn comes, so that only one such tensor is in memory. */
  readonly data: TensorData | (() => TensorData | Promise<TensorData>)
}

/** Tensors to be written: a list, a generator, or a record keyed by name. */
export type TensorSources =
  | Iterable<TensorSource>
  | AsyncIterable<TensorSource>
  | Readonly<Record<string, Omit<TensorSource, 'name'>>>

/** A source whose description was checked, with the bytes that it must bring. */
export interface CheckedSource extends TensorSource {
  readonly byteLength: number
}

/**
 * Checks names, dtypes and shapes before anything is written.
 * @throws FormatError naming the tensor
 */
export async function collectSources(
  where: string,
  sources: TensorSources,
): Promise<CheckedSource[]> {
  const seen = new Set<string>()
  const checked: CheckedSource[] = []
  for await (const source of listed(sources)) {
    const { name, dtype, shape } = source
    const tensor = `${where}: tensor "${name}"`
    if (typeof name !== 'string' || name === '__metadata__') {
      throw new FormatError(`${tensor}: a name must be a string other than "__metadata__".`)
    }
    if (seen.has(name)) throw new FormatError(`${tensor}: a name must come once; got it twice.`)
    if (!isDtype(dtype)) {
      throw new FormatError(`${tensor}: dtype must be one of the format; got ${String(dtype)}.`)
    }
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw new FormatError(`${tensor}: shape must be whole numbers from 0 up; got [${shape}].`)
    }
    const byteLength = tensorBytes(dtype, shape)
    if (typeof byteLength === 'string') {
      throw new FormatError(`${tensor}: ${dtype} [${shape}] must have a size; got ${byteLength}.`)
    }
    seen.add(name)
    checked.push({ ...source, byteLength })
  }
  return checked
}

/** The bytes of a source, fetched now. */
export async function sourceBytes(where: string, source: CheckedSource): Promise<Uint8Array> {
  const data = typeof source.data === 'function' ? await source.data() : source.data
  if (data.byteLength !== source.byteLength) {
    throw new FormatError(
      `${where}: tensor "${source.name}": ${source.dtype} [${source.shape}] must bring ${source.byteLength} bytes; got ${data.byteLength}.`,
    )
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** Wide elements first, then by name: so every tensor starts at a multiple of its element size. */
export function inFileOrder(sources: readonly CheckedSource[]): CheckedSource[] {
  return [...sources].sort(
    (a, b) => DTYPE_BITS[b.dtype] - DTYPE_BITS[a.dtype] || (a.name < b.name ? -1 : 1),
  )
}

function listed(sources: TensorSources): Iterable<TensorSource> | AsyncIterable<TensorSource> {
  if (Symbol.iterator in sources) return sources as Iterable<TensorSource>
  if (Symbol.asyncIterator in sources) return sources as AsyncIterable<TensorSource>
  return Object.entries(sources as Record<string, Omit<TensorSource, 'name'>>).map(
    ([name, source]) => ({ ...source, name }),
  )
}

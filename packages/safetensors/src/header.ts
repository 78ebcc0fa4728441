import { FormatError, shown as shownValue } from '@llft/errors'
import { parseJsonObject, rejectPointer } from '@llft/input'
import { isDtype, type SafetensorsDtype, tensorBytes } from './dtype.js'
import { duplicateKey } from './duplicate-key.js'

/** Where a tensor lies in its file. */
export interface TensorInfo {
  readonly name: string
  readonly dtype: SafetensorsDtype
  /** Row-major sizes; [] is a scalar. */
  readonly shape: readonly number[]
  /** First byte, counted from the start of the file. */
  readonly byteOffset: number
  readonly byteLength: number
}

export interface SafetensorsHeader {
  readonly path: string
  /** In the order in which the tensors lie in the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly metadata: Readonly<Record<string, string>>
}

/** Largest header accepted, in bytes: the limit of the format's own reader. */
export const MAX_HEADER_BYTES = 100_000_000

/** The first 8 bytes of a file: the length of the JSON text behind them, little endian. */
export const LENGTH_BYTES = 8

/** Length of the header's JSON text, from the first 8 bytes of a file of `fileBytes` bytes. */
export function parseHeaderLength(path: string, first: Uint8Array, fileBytes: number): number {
  rejectPointer(path, first)
  if (fileBytes < LENGTH_BYTES) {
    throw new FormatError(
      `${path}: a safetensors file starts with 8 bytes of length; got ${fileBytes} bytes in all.`,
    )
  }
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength)
  const length = view.getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new FormatError(
      `${path}: the header must be at most ${MAX_HEADER_BYTES} bytes; got ${length}. Is it a safetensors file?`,
    )
  }
  const missing = LENGTH_BYTES + Number(length) - fileBytes
  if (missing > 0) {
    throw new FormatError(
      `${path}: the header must be ${length} bytes; got ${fileBytes - LENGTH_BYTES}, ${missing} bytes are missing. Download or copy the file again.`,
    )
  }
  return Number(length)
}

/**
 * Reads the JSON text of a header strictly: every tensor has a known dtype, a shape whose bytes
 * equal its range, and the ranges follow each other without gap or overlap up to the file's end.
 * @param json the header's bytes, without the 8 of the length
 * @param fileBytes size of the whole file
 * @throws FormatError naming file, tensor, what must hold and what was found
 */
export function parseHeader(path: string, json: Uint8Array, fileBytes: number): SafetensorsHeader {
  const entries = Object.entries(parseJson(path, json))
  const dataStart = LENGTH_BYTES + json.length
  const metadata = entries.find(([name]) => name === '__metadata__')?.[1] ?? {}
  const tensors = entries
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => parseTensor(`${path}: tensor "${name}"`, name, entry, dataStart))
    .sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength)
  checkCover(path, tensors, dataStart, fileBytes)
  return {
    path,
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    metadata: checkMetadata(path, metadata),
  }
}

function parseJson(path: string, json: Uint8Array): object {
  if (json[0] !== 0x7b) {
    const got = json.length === 0 ? 'an empty header' : `byte ${json[0]}`
    throw new FormatError(`${path}: the header must start with "{"; got ${got}.`)
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json)
  } catch (error) {
    throw new FormatError(
      `${path}: the header must be JSON in UTF-8; got ${(error as Error).message}.`,
    )
  }
  const parsed = parseJsonObject(text, `${path}: the header`)
  const twice = duplicateKey(text)
  if (twice !== undefined) {
    throw new FormatError(`${path}: the header must name each key once; got "${twice}" twice.`)
  }
  return parsed
}

function parseTensor(where: string, name: string, entry: unknown, dataStart: number): TensorInfo {
  const fail = (must: string, got: unknown): never => {
    throw new FormatError(`${where}: ${must}; got ${shown(got)}.`)
  }
  if (!isObject(entry)) return fail('an entry must be an object', entry)
  const { dtype, shape, data_offsets: offsets, ...rest } = entry
  const extra = Object.keys(rest)[0]
  if (extra !== undefined) fail('an entry holds only dtype, shape and data_offsets', extra)
  if (!isDtype(dtype)) return fail('dtype must be one of the format, such as "BF16"', dtype)
  if (!isSizes(shape)) return fail('shape must be a list of whole numbers from 0 up', shape)
  if (!isSizes(offsets) || offsets.length !== 2) {
    return fail('data_offsets must be two whole numbers from 0 up', offsets)
  }
  const [begin, end] = offsets as [number, number]
  if (end < begin) fail('data_offsets must not run backwards', offsets)
  const bytes = tensorBytes(dtype, shape)
  if (typeof bytes === 'string') return fail(`${dtype} ${shown(shape)} must have a size`, bytes)
  if (bytes !== end - begin) {
    fail(`${dtype} ${shown(shape)} must take ${bytes} bytes`, `${end - begin} (data_offsets)`)
  }
  return { name, dtype, shape, byteOffset: dataStart + begin, byteLength: bytes }
}

function checkCover(path: string, tensors: TensorInfo[], dataStart: number, fileBytes: number) {
  let next = dataStart
  for (const { name, byteOffset, byteLength } of tensors) {
    if (byteOffset !== next) {
      const kind = byteOffset < next ? 'an overlap' : 'a gap'
      throw new FormatError(
        `${path}: tensor "${name}": data must start where the tensor before it ends, at byte ${next - dataStart}; got ${byteOffset - dataStart}, ${kind}.`,
      )
    }
    next += byteLength
  }
  if (next > fileBytes) {
    throw new FormatError(
      `${path}: the file must be ${next} bytes; got ${fileBytes}, ${next - fileBytes} bytes are missing. Download or copy the file again.`,
    )
  }
  if (next < fileBytes) {
    throw new FormatError(
      `${path}: the tensors must cover the file, which ends at byte ${next}; got ${fileBytes - next} bytes more.`,
    )
  }
}

function checkMetadata(path: string, metadata: unknown): Record<string, string> {
  if (!isObject(metadata)) {
    throw new FormatError(`${path}: __metadata__ must be an object; got ${shown(metadata)}.`)
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') {
      throw new FormatError(`${path}: __metadata__ "${key}" must be a string; got ${shown(value)}.`)
    }
  }
  return metadata as Record<string, string>
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

/** A value for an error text, or the words that describe it. */
function shown(value: unknown): string {
  return typeof value === 'string' && value.length <= 80 ? value : shownValue(value)
}

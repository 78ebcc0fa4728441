import { type GgmlType, ggmlTypeInfo, ggmlTypeOf } from './ggml-types.js'
import type { HeaderReader } from './header-reader.js'
import { DEFAULT_ALIGNMENT, LIMITS, padded } from './limits.js'
import { GgufMetadata } from './metadata.js'
import {
  ARRAY_ID,
  ARRAYS,
  type GgufValue,
  type NumberType,
  SCALARS,
  type ScalarType,
  STRING_ID,
  scalarTypeOf,
} from './value.js'

/** A tensor of a file. */
export interface GgufTensorInfo {
  readonly name: string
  readonly type: GgmlType
  /** Row-major sizes as everywhere here, so the reverse of what the file says: the last is that of a row. */
  readonly shape: readonly number[]
  /** Place of its first byte in the file. */
  readonly byteOffset: number
  readonly byteLength: number
}

/** What a file says before its data. */
export interface GgufHeader {
  readonly version: number
  readonly alignment: number
  readonly metadata: GgufMetadata
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>
  readonly headerBytes: number
}

export const MAGIC = 'GGUF'

/** Reads what lies before the data, by the rules of ggml's `gguf.cpp` and within LIMITS. @throws FormatError */
export function parseHeader(reader: HeaderReader): GgufHeader {
  const version = parseVersion(reader)
  const tensorCount = reader.count('the number of tensors', LIMITS.entries)
  const keyCount = reader.count('the number of keys', LIMITS.entries)
  const values = new Map<string, GgufValue>()
  for (let i = 0; i < keyCount; i++) parseEntry(reader, values)
  const alignment = alignmentOf(reader, values)
  const infos: StoredInfo[] = []
  for (let i = 0; i < tensorCount; i++) infos.push(parseInfo(reader))
  const headerBytes = reader.offset
  const tensors = placed(reader, infos, alignment)
  const metadata = new GgufMetadata(reader.path, values)
  return { version, alignment, metadata, tensors, headerBytes }
}

function parseVersion(reader: HeaderReader): number {
  const magic = reader.bytes(4, 'the mark of the format').toString('latin1')
  if (magic !== MAGIC) reader.fail(`the file must begin with ${MAGIC}`, JSON.stringify(magic))
  const version = reader.u32('the version')
  if ((version & 0xffff) === 0) reader.fail('the file must be little endian', 'one in big endian')
  if (version !== 2 && version !== 3) reader.fail('the version must be 2 or 3', String(version))
  return version
}

function parseEntry(reader: HeaderReader, values: Map<string, GgufValue>): void {
  const key = reader.string('a key', LIMITS.keyBytes)
  if (key === '') reader.fail('a key must have a name', 'an empty one')
  if (values.has(key)) reader.fail(`key ${key} must be there once`, 'it twice')
  values.set(key, parseValue(reader, key))
}

function parseValue(reader: HeaderReader, key: string): GgufValue {
  const id = reader.u32(`the type of ${key}`)
  if (id === STRING_ID) return { type: 'string', value: reader.string(key, LIMITS.stringBytes) }
  if (id === ARRAY_ID) return parseArray(reader, key)
  const type = scalarTypeOf(id)
  if (type === undefined) return reader.fail(`the type of ${key} must be one of GGUF`, String(id))
  return parseScalar(reader, key, type)
}

function parseScalar(reader: HeaderReader, key: string, type: ScalarType): GgufValue {
  const bytes = reader.bytes(SCALARS[type][1], key)
  if (type === 'bool') return { type, value: flagOf(reader, key, bytes[0] as number) }
  const [value] = new ARRAYS[type](Uint8Array.from(bytes).buffer)
  if (type === 'uint64' || type === 'int64') return { type, value: value as bigint }
  return { type: type as NumberType, value: value as number }
}

function flagOf(reader: HeaderReader, key: string, byte: number): boolean {
  return byte > 1 ? reader.fail(`${key} must be 0 or 1`, String(byte)) : byte === 1
}

function parseArray(reader: HeaderReader, key: string): GgufValue {
  const id = reader.u32(`the type of the list ${key}`)
  const length = reader.count(`the length of the list ${key}`, LIMITS.arrayElements)
  if (id === ARRAY_ID) reader.fail(`${key} must be a list of values`, 'a list of lists')
  if (id === STRING_ID)
    return { type: 'array', element: 'string', value: parseStrings(reader, key, length) }
  const element = scalarTypeOf(id)
  if (element === undefined) {
    return reader.fail(`the type of the list ${key} must be one of GGUF`, String(id))
  }
  const bytes = reader.bytes(length * SCALARS[element][1], key)
  if (element === 'bool') {
    return { type: 'array', element, value: [...bytes].map((byte) => flagOf(reader, key, byte)) }
  }
  return { type: 'array', element, value: new ARRAYS[element](Uint8Array.from(bytes).buffer) }
}

function parseStrings(reader: HeaderReader, key: string, length: number): string[] {
  // Each takes 8 bytes at least: a length that cannot be true is refused before memory is taken.
  if (length * 8 > reader.left) {
    reader.fail(`${key} must have the ${length} strings that it announces`, `${reader.left} bytes`)
  }
  return Array.from({ length }, (_, i) => reader.string(`${key}[${i}]`, LIMITS.stringBytes))
}

function alignmentOf(reader: HeaderReader, values: ReadonlyMap<string, GgufValue>): number {
  const found = values.get('general.alignment')
  if (found === undefined) return DEFAULT_ALIGNMENT
  const { type, value } = found
  const isPower = typeof value === 'number' && value > 0 && (value & (value - 1)) === 0
  if (
    type === 'uint32' &&
    isPower &&
    value >= LIMITS.minAlignment &&
    value <= LIMITS.maxAlignment
  ) {
    return value
  }
  return reader.fail(
    `general.alignment must be a power of two from ${LIMITS.minAlignment} to ${LIMITS.maxAlignment} as uint32`,
    `${type} ${String(value)}`,
  )
}

interface StoredInfo {
  readonly name: string
  readonly type: GgmlType
  readonly shape: readonly number[]
  readonly byteLength: number
  /** From the start of the data. */
  readonly offset: number
}

function parseInfo(reader: HeaderReader): StoredInfo {
  const name = reader.string('the name of a tensor', LIMITS.nameBytes)
  if (name === '') reader.fail('a tensor must have a name', 'an empty one')
  const what = `tensor "${name}"`
  const count = reader.u32(`the dimensions of ${what}`)
  if (count > LIMITS.dimensions) {
    reader.fail(`${what} must have at most ${LIMITS.dimensions} dimensions`, String(count))
  }
  const sizes = Array.from({ length: count }, () =>
    reader.count(`a dimension of ${what}`, Number.MAX_SAFE_INTEGER),
  )
  const id = reader.u32(`the type of ${what}`)
  const type = ggmlTypeOf(id)
  if (type === undefined) return reader.fail(`the type of ${what} must be one of ggml`, String(id))
  const offset = reader.count(`the place of ${what}`, Number.MAX_SAFE_INTEGER)
  const byteLength = bytesOf(type, sizes)
  if (typeof byteLength === 'string') {
    return reader.fail(
      `${what}, ${type} [${sizes.toReversed().join(', ')}], must have a size`,
      byteLength,
    )
  }
  return { name, type, shape: sizes.toReversed(), byteLength, offset }
}

/** Bytes of a tensor, or what is wrong with its sizes (the first is that of a row). */
export function bytesOf(type: GgmlType, sizes: readonly number[]): number | string {
  const { blockElements, blockBytes } = ggmlTypeInfo(type)
  const [row = 1, ...others] = sizes
  if (row % blockElements !== 0) return `rows that blocks of ${blockElements} do not fill`
  const total = others.reduce(
    (all, size) => all * BigInt(size),
    BigInt(row / blockElements) * BigInt(blockBytes),
  )
  return total > BigInt(Number.MAX_SAFE_INTEGER) ? 'more bytes than there can be' : Number(total)
}

/** Tensors must lie one behind the other, each padded, and in the file. */
function placed(reader: HeaderReader, infos: readonly StoredInfo[], alignment: number) {
  const start = padded(reader.offset, alignment)
  const tensors = new Map<string, GgufTensorInfo>()
  let expected = 0
  for (const { offset, ...info } of infos) {
    const what = `tensor "${info.name}"`
    if (tensors.has(info.name)) reader.fail(`${what} must be there once`, 'it twice')
    if (offset !== expected)
      reader.fail(`${what} must lie at byte ${expected} of the data`, String(offset))
    const end = start + offset + info.byteLength
    if (end > reader.fileBytes) {
      reader.fail(
        `${what} must end in the file`,
        `byte ${end} of ${reader.fileBytes}: the file was cut`,
      )
    }
    tensors.set(info.name, { ...info, byteOffset: start + offset })
    expected = padded(offset + info.byteLength, alignment)
  }
  return tensors
}

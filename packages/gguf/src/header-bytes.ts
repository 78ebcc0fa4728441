import { FormatError, shown } from '@llft/errors'
import { ggmlTypeInfo } from './ggml-types.js'
import { LIMITS } from './limits.js'
import { MAGIC } from './parse-header.js'
import type { CheckedTensor } from './tensor-source.js'
import { ARRAY_ID, ARRAYS, type GgufValue, SCALARS, STRING_ID } from './value.js'

const VERSION = 3

/** Lays a header out. @throws FormatError naming a key or tensor that a reader would refuse */
export function headerBytes(
  path: string,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly (CheckedTensor & { readonly offset: number })[],
): Buffer {
  const parts: Uint8Array[] = [
    Buffer.from(MAGIC, 'latin1'),
    u32(VERSION),
    u64(tensors.length),
    u64(metadata.size),
  ]
  for (const [key, value] of metadata) parts.push(...entryBytes(path, key, value))
  for (const { name, type, shape, offset } of tensors) {
    const sizes = shape.toReversed().map(u64)
    parts.push(text(name), u32(sizes.length), ...sizes, u32(ggmlTypeInfo(type).id), u64(offset))
  }
  const bytes = Buffer.concat(parts)
  if (bytes.length <= LIMITS.headerBytes) return bytes
  throw new FormatError(
    `${path}: the header must be at most ${LIMITS.headerBytes} bytes; got ${bytes.length}.`,
  )
}

function entryBytes(path: string, key: string, value: GgufValue): Uint8Array[] {
  const length = Buffer.byteLength(key)
  if (length === 0 || length > LIMITS.keyBytes) {
    throw new FormatError(`${path}: a key must have 1 to ${LIMITS.keyBytes} bytes; got ${length}.`)
  }
  return [text(key), ...valueBytes(path, key, value)]
}

function valueBytes(path: string, key: string, stored: GgufValue): Uint8Array[] {
  if (stored.type === 'string') {
    requireAtMost(path, key, Buffer.byteLength(stored.value), LIMITS.stringBytes, 'bytes')
    return [u32(STRING_ID), text(stored.value)]
  }
  if (stored.type !== 'array') return [u32(SCALARS[stored.type][0]), scalarBytes(path, key, stored)]
  requireAtMost(path, key, stored.value.length, LIMITS.arrayElements, 'elements')
  const head = (id: number) => [u32(ARRAY_ID), u32(id), u64(stored.value.length)]
  if (stored.element === 'string') return [...head(STRING_ID), ...stored.value.map(text)]
  if (stored.element === 'bool') {
    return [...head(SCALARS.bool[0]), Uint8Array.from(stored.value, Number)]
  }
  const { buffer, byteOffset, byteLength } = stored.value
  return [...head(SCALARS[stored.element][0]), new Uint8Array(buffer, byteOffset, byteLength)]
}

function scalarBytes(
  path: string,
  key: string,
  stored: Exclude<GgufValue, { type: 'string' | 'array' }>,
): Uint8Array {
  if (stored.type === 'bool') return Uint8Array.of(Number(stored.value))
  const array = new ARRAYS[stored.type](1)
  array[0] = stored.value
  // What does not fit would come back as another number.
  const isKept = stored.type === 'float32' || Object.is(array[0], stored.value)
  if (isKept) return new Uint8Array(array.buffer)
  throw new FormatError(
    `${path}: ${key} must fit ${stored.type}; got ${shown(String(stored.value))}.`,
  )
}

function requireAtMost(path: string, key: string, count: number, most: number, unit: string): void {
  if (count <= most) return
  throw new FormatError(`${path}: ${key} must have at most ${most} ${unit}; got ${count}.`)
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8')
  return Buffer.concat([u64(bytes.length), bytes])
}

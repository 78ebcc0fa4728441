import { FormatError } from '@llft/errors'
import { AtomicFile } from './atomic-file.js'
import { LENGTH_BYTES, MAX_HEADER_BYTES } from './header.js'
import {
  type CheckedSource,
  collectSources,
  inFileOrder,
  sourceBytes,
  type TensorSources,
} from './tensor-source.js'

/**
 * Writes a safetensors file: whole and on the disk, or not at all (see AtomicFile).
 *
 * Tensors are written one after the other; those given as functions are fetched one at a time.
 * @param metadata strings for `__metadata__`; readers of the field expect `{ format: 'pt' }`, the default
 * @throws FormatError if a name comes twice or bytes do not fit dtype and shape; system errors as they are
 */
export async function writeSafetensors(
  path: string,
  tensors: TensorSources,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<void> {
  const file = await stageSafetensors(path, tensors, metadata)
  try {
    await file.commit()
  } catch (error) {
    await file.discard()
    throw error
  }
}

/** The same under a temporary name, ready to be committed. */
export async function stageSafetensors(
  path: string,
  tensors: TensorSources,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<AtomicFile> {
  return stageFile(path, await collectSources(path, tensors), metadata)
}

/** Writes a file of checked sources under its temporary name, ready to be committed. */
export async function stageFile(
  path: string,
  sources: readonly CheckedSource[],
  metadata: Readonly<Record<string, string>>,
): Promise<AtomicFile> {
  const ordered = inFileOrder(sources)
  const header = headerBytes(path, ordered, metadata)
  const file = await AtomicFile.create(path)
  try {
    await file.write(header)
    for (const source of ordered) await file.write(await sourceBytes(path, source))
    await file.finish()
    return file
  } catch (error) {
    await file.discard()
    throw error
  }
}

/**
 * The bytes of a safetensors file, part by part, for whoever writes them in a way of its own.
 *
 * @param where starts every message
 */
export async function* safetensorsBytes(
  where: string,
  tensors: TensorSources,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): AsyncGenerator<Uint8Array> {
  const ordered = inFileOrder(await collectSources(where, tensors))
  yield headerBytes(where, ordered, metadata)
  for (const source of ordered) yield await sourceBytes(where, source)
}

function headerBytes(
  path: string,
  sources: readonly CheckedSource[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let at = 0
  const entries = sources.map(({ name, dtype, shape, byteLength }) => {
    const entry = { dtype, shape, data_offsets: [at, at + byteLength] }
    at += byteLength
    return [name, entry] as const
  })
  const json = new TextEncoder().encode(
    JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries])),
  )
  // Spaces up to a multiple of 8 let the data start aligned for every element type.
  const padded = Math.ceil(json.length / 8) * 8
  if (padded > MAX_HEADER_BYTES) {
    throw new FormatError(
      `${path}: the header must be at most ${MAX_HEADER_BYTES} bytes; got ${padded}. Write shards.`,
    )
  }
  const bytes = new Uint8Array(LENGTH_BYTES + padded).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true)
  bytes.set(json, LENGTH_BYTES)
  return bytes
}

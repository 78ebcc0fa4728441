import type { TensorSource } from '@llft/safetensors'
import type { ResultFile } from '../run/adaptation.js'

/** Bytes of the tensors in files. */
export function tensorBytesOf(files: readonly ResultFile[]): number {
  let bytes = 0
  for (const { content } of files) {
    for (const source of tensorsOf(content)) bytes += bytesOf(source)
  }
  return bytes
}

/**
 * The same files with their tensors as they are now: the copies are enqueued on the device before anything that comes later,
 * and the host has all of them at once.
 */
export function snapshotOf(files: readonly ResultFile[]): ResultFile[] {
  return files.map((file) =>
    tensorsOf(file.content).length === 0
      ? file
      : { ...file, content: tensorsOf(file.content).map(started) },
  )
}

export function tensorsOf(content: ResultFile['content']): readonly TensorSource[] {
  return typeof content === 'string' || content instanceof Uint8Array ? [] : content
}

function started(source: TensorSource): TensorSource {
  const { data } = source
  if (typeof data !== 'function') return source
  const reading = Promise.resolve(data())
  // It is awaited when its file is written; without a handler a failure before that would count as unhandled.
  reading.catch(() => undefined)
  return { ...source, data: () => reading }
}

const ELEMENT_BYTES: Readonly<Record<string, number>> = { F32: 4, BF16: 2, F16: 2, I32: 4 }

function bytesOf({ dtype, shape }: TensorSource): number {
  return shape.reduce((product, size) => product * size, ELEMENT_BYTES[dtype] ?? 1)
}

import { FormatError } from '@llft/errors'
import { GgufFile } from './gguf-file.js'
import type { GgufMetadata } from './metadata.js'
import type { GgufTensorInfo } from './parse-header.js'
import { shardPaths, shardPlace } from './shard-path.js'

/** A tensor and the file that holds it. */
export interface GgufTensor extends GgufTensorInfo {
  readonly file: GgufFile
}

/** A model in GGUF, in one file or in shards. */
export interface Gguf {
  /** Of the file that was asked for. */
  readonly path: string
  readonly files: readonly GgufFile[]
  /** That of the first file. */
  readonly metadata: GgufMetadata
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

/**
 * Opens a GGUF file, or all shards of which it is one. Only headers are read.
 *
 * @throws FormatError naming what breaks the format, a shard that is missing, or tensors that two shards hold
 */
export async function openGguf(path: string): Promise<Gguf> {
  const first = await GgufFile.open(path)
  const count = first.header.metadata.optionalCount('split.count') ?? 1
  if (count <= 1) return assembled(path, [first])
  const place = shardPlace(path)
  if (place?.count !== count) {
    throw new FormatError(
      `${path}: one of ${count} shards must be called NAME-00001-of-${String(count).padStart(5, '0')}.gguf; got another name, by which the others cannot be found.`,
    )
  }
  const files: GgufFile[] = []
  for (const [index, at] of shardPaths(path, count).entries()) {
    const file = index === place.index ? first : await GgufFile.open(at)
    requireShard(file, index, count)
    files.push(file)
  }
  const gguf = assembled(path, files)
  requireTensorCount(gguf)
  return gguf
}

function requireShard(
  { path, header: { metadata } }: GgufFile,
  index: number,
  count: number,
): void {
  const found = { index: metadata.count('split.no'), count: metadata.count('split.count') }
  if (found.index === index && found.count === count) return
  throw new FormatError(
    `${path}: must be shard ${index + 1} of ${count}; got ${found.index + 1} of ${found.count}.`,
  )
}

function requireTensorCount({ path, metadata, tensors }: Gguf): void {
  const expected = metadata.optionalCount('split.tensors.count')
  if (expected === undefined || expected === tensors.size) return
  throw new FormatError(`${path}: all shards must hold ${expected} tensors; got ${tensors.size}.`)
}

function assembled(path: string, files: readonly GgufFile[]): Gguf {
  const tensors = new Map<string, GgufTensor>()
  for (const file of files) {
    for (const [name, info] of file.header.tensors) {
      const other = tensors.get(name)
      if (other !== undefined) {
        throw new FormatError(
          `${file.path}: tensor "${name}" must be in one shard; got it in ${other.file.path}, too.`,
        )
      }
      tensors.set(name, { ...info, file })
    }
  }
  const { metadata } = (files[0] as GgufFile).header
  return { path, files, metadata, tensors }
}

import { ConfigError } from '@llft/errors'
import { AtomicFile } from '@llft/safetensors'
import { headerBytes } from './header-bytes.js'
import { DEFAULT_ALIGNMENT, padded } from './limits.js'
import { shardPaths } from './shard-path.js'
import {
  bytesInTurn,
  type CheckedTensor,
  checkTensors,
  type GgufTensorSource,
} from './tensor-source.js'
import { type GgufValue, gguf } from './value.js'

/** How far a file is. */
export interface GgufProgress {
  readonly tensor: string
  /** Tensors that are written, this one among them. */
  readonly done: number
  readonly tensors: number
  readonly bytes: number
  readonly totalBytes: number
}

export interface WriteGgufOptions {
  readonly metadata: Readonly<Record<string, GgufValue>>
  /** In the order in which they are to lie in the file. */
  readonly tensors: readonly GgufTensorSource[]
  /** Of the data of each tensor, a power of two. Default 32. */
  readonly alignment?: number | undefined
  /** Most bytes of tensors in a file; more go into `NAME-00001-of-0000N.gguf`. Default: all in one. */
  readonly shardBytes?: number | undefined
  readonly onProgress?: ((progress: GgufProgress) => void) | undefined
}

/**
 * Writes a model: every file whole and on the disk, or none. Tensors are asked for one after the other, and their parts are
 * written as they come.
 *
 * @returns the paths of what was written.
 * @throws FormatError naming a key or tensor that no reader would take, or bytes that do not fit; system errors as they are
 */
export async function writeGguf(path: string, options: WriteGgufOptions): Promise<string[]> {
  const staged = await stageGguf(path, options)
  try {
    for (const file of staged) await file.commit()
    return staged.map((file) => file.path)
  } catch (error) {
    for (const file of staged) await file.discard()
    throw error
  }
}

/** The same under temporary names, ready to be committed. */
export async function stageGguf(path: string, options: WriteGgufOptions): Promise<AtomicFile[]> {
  const { alignment = DEFAULT_ALIGNMENT, shardBytes = Number.POSITIVE_INFINITY } = options
  const tensors = checkTensors(path, options.tensors)
  const shards = inShards(tensors, shardBytes)
  const paths = shards.length === 1 ? [path] : shardPaths(path, shards.length)
  const progress = progressOf(tensors, options.onProgress)
  const staged: AtomicFile[] = []
  try {
    for (const [index, shard] of shards.entries()) {
      const metadata = metadataOf(options.metadata, {
        index,
        count: shards.length,
        tensors: tensors.length,
        alignment,
      })
      staged.push(
        await stageFile(paths[index] as string, { metadata, tensors: shard, alignment, progress }),
      )
    }
    return staged
  } catch (error) {
    for (const file of staged) await file.discard()
    throw error
  }
}

interface FileContent {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly CheckedTensor[]
  readonly alignment: number
  readonly progress: (tensor: CheckedTensor) => void
}

async function stageFile(path: string, content: FileContent): Promise<AtomicFile> {
  const { metadata, tensors, alignment, progress } = content
  let offset = 0
  const placed = tensors.map((tensor) => {
    const at = offset
    offset = padded(at + tensor.byteLength, alignment)
    return { ...tensor, offset: at }
  })
  const header = headerBytes(path, metadata, placed)
  const file = await AtomicFile.create(path)
  try {
    await file.write(header)
    await file.write(padding(header.length, alignment))
    for (const tensor of tensors) {
      for await (const part of bytesInTurn(path, tensor)) await file.write(part)
      await file.write(padding(tensor.byteLength, alignment))
      progress(tensor)
    }
    await file.finish()
    return file
  } catch (error) {
    await file.discard()
    throw error
  }
}

function padding(bytes: number, alignment: number): Uint8Array {
  return new Uint8Array(padded(bytes, alignment) - bytes)
}

function inShards(tensors: readonly CheckedTensor[], most: number): CheckedTensor[][] {
  const shards: CheckedTensor[][] = [[]]
  let bytes = 0
  for (const tensor of tensors) {
    if (bytes > 0 && bytes + tensor.byteLength > most) {
      shards.push([])
      bytes = 0
    }
    shards.at(-1)?.push(tensor)
    bytes += tensor.byteLength
  }
  return shards
}

interface ShardFacts {
  readonly index: number
  readonly count: number
  readonly tensors: number
  readonly alignment: number
}

/** The first file has everything, the others know which they are. */
function metadataOf(
  given: Readonly<Record<string, GgufValue>>,
  { index, count, tensors, alignment }: ShardFacts,
): ReadonlyMap<string, GgufValue> {
  const own = Object.keys(given).find(
    (key) => key === 'general.alignment' || key.startsWith('split.'),
  )
  if (own !== undefined) {
    throw new ConfigError(
      `writeGguf: metadata must not name ${own}, which the writer decides; got it.`,
    )
  }
  const metadata = new Map(index === 0 ? Object.entries(given) : [])
  if (alignment !== DEFAULT_ALIGNMENT) metadata.set('general.alignment', gguf.uint32(alignment))
  if (count > 1) {
    metadata.set('split.no', gguf.uint16(index))
    metadata.set('split.count', gguf.uint16(count))
    metadata.set('split.tensors.count', gguf.int32(tensors))
  }
  return metadata
}

function progressOf(tensors: readonly CheckedTensor[], tell: WriteGgufOptions['onProgress']) {
  const totalBytes = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  let [done, bytes] = [0, 0]
  return ({ name, byteLength }: CheckedTensor) => {
    done += 1
    bytes += byteLength
    tell?.({ tensor: name, done, tensors: tensors.length, bytes, totalBytes })
  }
}

import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseOptions, wholeNumber } from '@llft/options'
import { z } from 'zod'
import { AtomicFile } from './atomic-file.js'
import { type CheckedSource, collectSources, type TensorSources } from './tensor-source.js'
import { stageFile } from './writer.js'

export interface ShardOptions {
  /** Largest sum of the tensors of a shard, in bytes; a larger tensor has a shard of its own. Default 5e9. */
  readonly maxShardBytes?: number | undefined
  /** Strings for `__metadata__` of every shard. Default `{ format: 'pt' }`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

const schema = z.strictObject({
  maxShardBytes: wholeNumber(1).default(5e9),
  metadata: z
    .record(z.string(), z.string('must be a string'), 'must be an object of strings')
    .default({ format: 'pt' }),
} satisfies Record<keyof ShardOptions, z.ZodType>)

/**
 * Writes a checkpoint as transformers reads it: `model.safetensors` if everything fits into one
 * shard, else `model-00001-of-0000n.safetensors` and `model.safetensors.index.json`.
 *
 * All files are written under temporary names before the first gets its own, and the index comes
 * last; weight files of a former checkpoint in the folder are removed after that.
 * @returns the paths of the weight files
 */
export async function writeSharded(
  folder: string,
  tensors: TensorSources,
  options: ShardOptions = {},
): Promise<string[]> {
  const { maxShardBytes, metadata } = parseOptions(schema, options, 'writeSharded')
  await mkdir(folder, { recursive: true })
  const shards = splitShards(await collectSources(folder, tensors), maxShardBytes)
  const names = shards.map((_, i) => shardName(i, shards.length))
  const staged: AtomicFile[] = []
  try {
    for (const [i, shard] of shards.entries()) {
      staged.push(await stageFile(join(folder, names[i] as string), shard, metadata))
    }
    if (shards.length > 1) staged.push(await stageIndex(folder, shards, names))
    for (const file of staged) await file.commit()
  } catch (error) {
    for (const file of staged) await file.discard()
    throw error
  }
  await removeStale(folder, new Set(staged.map((file) => file.path)))
  return names.map((name) => join(folder, name))
}

function splitShards(sources: readonly CheckedSource[], maxBytes: number): CheckedSource[][] {
  const shards: CheckedSource[][] = [[]]
  let bytes = 0
  for (const source of sources) {
    if (bytes > 0 && bytes + source.byteLength > maxBytes) {
      shards.push([])
      bytes = 0
    }
    shards.at(-1)?.push(source)
    bytes += source.byteLength
  }
  return shards
}

function shardName(index: number, count: number): string {
  if (count === 1) return 'model.safetensors'
  const padded = (n: number) => String(n).padStart(5, '0')
  return `model-${padded(index + 1)}-of-${padded(count)}.safetensors`
}

async function stageIndex(folder: string, shards: CheckedSource[][], names: string[]) {
  const entries = shards.flatMap((shard, i) => shard.map(({ name }) => [name, names[i]] as const))
  const index = {
    metadata: { total_size: shards.flat().reduce((sum, { byteLength }) => sum + byteLength, 0) },
    weight_map: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))),
  }
  const file = await AtomicFile.create(join(folder, 'model.safetensors.index.json'))
  try {
    await file.write(new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`))
    await file.finish()
    return file
  } catch (error) {
    await file.discard()
    throw error
  }
}

const WEIGHT_FILE = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/

/** A reader prefers `model.safetensors`, so an old one beside new shards would be loaded. */
async function removeStale(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (WEIGHT_FILE.test(name) && !kept.has(path)) await rm(path)
  }
}

import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { FormatError, shown } from '@llft/errors'
import { parseJsonObject, readTextFile } from '@llft/input'
import { duplicateKey } from './duplicate-key.js'
import { MAX_HEADER_BYTES, type TensorInfo } from './header.js'
import { SafetensorsFile } from './reader.js'

/** A tensor of a checkpoint and the file that holds it. */
export interface CheckpointTensor extends TensorInfo {
  readonly file: SafetensorsFile
}

/** The weights of a model folder, in one file or in shards. */
export interface Checkpoint {
  readonly folder: string
  readonly files: readonly SafetensorsFile[]
  readonly tensors: ReadonlyMap<string, CheckpointTensor>
  /** Tensors that lie in a shard although the index does not list them; they are in `tensors` too. */
  readonly unlisted: readonly string[]
  /** The bytes of a tensor; see SafetensorsFile.read. */
  read(name: string): Promise<Uint8Array>
}

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/**
 * Opens the weights of a model folder: `model.safetensors`, else the shards that
 * `model.safetensors.index.json` lists. Only headers are read.
 * @throws FormatError naming every missing shard, every tensor that its shard does not hold, and
 * tensors held by two shards
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  if (await exists(join(folder, SINGLE))) {
    return assemble(folder, [await SafetensorsFile.open(join(folder, SINGLE))], undefined)
  }
  if (!(await exists(join(folder, INDEX)))) {
    throw new FormatError(`${folder}: a checkpoint holds ${SINGLE} or ${INDEX}; got neither.`)
  }
  const map = await readWeightMap(join(folder, INDEX))
  return assemble(folder, await openShards(folder, map), map)
}

type WeightMap = ReadonlyMap<string, string>

async function readWeightMap(path: string): Promise<WeightMap> {
  const text = await readTextFile(path, { maxBytes: MAX_HEADER_BYTES })
  const { weight_map: map } = parseJsonObject(text, path)
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new FormatError(`${path}: "weight_map" must be an object; got ${shown(map)}.`)
  }
  const twice = duplicateKey(text)
  if (twice !== undefined) {
    throw new FormatError(`${path}: each key must come once; got "${twice}" twice.`)
  }
  for (const [name, file] of Object.entries(map)) {
    // A shard lies beside its index; anything else could read any file of the machine.
    if (typeof file !== 'string' || file !== basename(file) || !file.endsWith('.safetensors')) {
      throw new FormatError(
        `${path}: the shard of "${name}" must be the name of a .safetensors file in the same folder; got ${shown(file)}.`,
      )
    }
  }
  return new Map(Object.entries(map))
}

async function openShards(folder: string, map: WeightMap): Promise<SafetensorsFile[]> {
  const names = [...new Set(map.values())].sort()
  const missing: string[] = []
  for (const name of names) if (!(await exists(join(folder, name)))) missing.push(name)
  if (missing.length > 0) {
    throw new FormatError(
      `${join(folder, INDEX)}: every shard must exist; got ${names.length - missing.length} of ${names.length}, missing ${missing.join(', ')}. Download them again.`,
    )
  }
  return Promise.all(names.map((name) => SafetensorsFile.open(join(folder, name))))
}

function assemble(
  folder: string,
  files: SafetensorsFile[],
  map: WeightMap | undefined,
): Checkpoint {
  const tensors = new Map<string, CheckpointTensor>()
  for (const file of files) {
    for (const tensor of file.tensors.values()) {
      const other = tensors.get(tensor.name)
      if (other) {
        throw new FormatError(
          `${folder}: tensor "${tensor.name}" must lie in one shard; got ${basename(other.file.path)} and ${basename(file.path)}.`,
        )
      }
      tensors.set(tensor.name, { ...tensor, file })
    }
  }
  if (map) checkListed(folder, map, tensors)
  return {
    folder,
    files,
    tensors,
    unlisted: map ? [...tensors.keys()].filter((name) => !map.has(name)) : [],
    async read(name) {
      const tensor = tensors.get(name)
      if (!tensor)
        throw new FormatError(`${folder}: tensor "${name}" must exist; got no such name.`)
      return tensor.file.read(name)
    },
  }
}

function checkListed(folder: string, map: WeightMap, tensors: Map<string, CheckpointTensor>) {
  const absent = [...map].filter(
    ([name, shard]) => basename(tensors.get(name)?.file.path ?? '') !== shard,
  )
  if (absent.length === 0) return
  const named = absent.slice(0, 5).map(([name, shard]) => `"${name}" in ${shard}`)
  const more = absent.length > 5 ? ` and ${absent.length - 5} more` : ''
  throw new FormatError(
    `${join(folder, INDEX)}: every tensor must lie in the shard listed for it; not so for ${named.join(', ')}${more}.`,
  )
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

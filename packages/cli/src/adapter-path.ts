import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '@llft/errors'
import { readJsonIfThere } from '@llft/input'
import { listCheckpoints } from '@llft/train'

/** A model and what was trained for it, as a command names them. */
export interface ModelPaths {
  /** Folder of the base model, or of a model alone. */
  readonly model: string
  /** Folder of a PEFT adapter; undefined for a model alone. */
  readonly adapter: string | undefined
}

/**
 * The folders behind the arguments of a command. `model` may be an adapter, a checkpoint or a run, whose base is then read
 * from its adapter_config.json; `adapter` may be a run, of which the result or else the newest checkpoint is meant. Nothing
 * is locked, so the run may still train.
 *
 * @throws ConfigError if `adapter` holds none, or the base that an adapter names is not there.
 */
export async function modelPathsOf(model: string, adapter?: string): Promise<ModelPaths> {
  if (adapter !== undefined) return { model, adapter: await adapterFolder(adapter) }
  // What is none of these, the loader of models looks at, and says what it is.
  if (await isModel(model)) return { model, adapter: undefined }
  const found = await resultIn(model)
  if (found === undefined) return { model, adapter: undefined }
  if (await isModel(found)) return { model: found, adapter: undefined }
  return { model: await baseOfAdapter(found), adapter: found }
}

/** The adapter that a folder is, or that lies in a run. @throws ConfigError for none */
export async function adapterFolder(folder: string): Promise<string> {
  const found = await resultIn(folder)
  if (found !== undefined && (await isAdapter(found))) return found
  const got = found === undefined ? 'a path with no adapter_config.json' : 'a model'
  throw new ConfigError(
    `adapter: must be the folder of an adapter, a run or a checkpoint; got '${folder}', ${got}.`,
  )
}

/** The folder of the base model that an adapter names. @throws ConfigError if it is not there */
export async function baseOfAdapter(adapter: string): Promise<string> {
  const base = await namedBase(adapter)
  for (const path of base === undefined ? [] : [base, join(adapter, base)]) {
    if (await isModel(path)) return path
  }
  throw new ConfigError(
    `${adapter}: the base model that the adapter names must be a folder here; got ${base === undefined ? 'no name' : `'${base}'`}. Name both: MODEL --adapter ${adapter}`,
  )
}

/** What adapter_config.json says; undefined where it says nothing. */
export async function namedBase(adapter: string): Promise<string | undefined> {
  const config = await readJsonIfThere(join(adapter, 'adapter_config.json'), { maxBytes: 10e6 })
  const base = config?.base_model_name_or_path
  return typeof base === 'string' && base !== '' ? base : undefined
}

/** The adapter or model in a folder: its own, else the result of a run, else its newest checkpoint. */
export async function resultIn(folder: string): Promise<string | undefined> {
  const checkpoints = await checkpointsIn(folder)
  const results = ['adapter', 'model'].map((name) => join(folder, name))
  for (const place of [folder, ...results, ...checkpoints.slice(0, 1)]) {
    if ((await isAdapter(place)) || (await isModel(place))) return place
  }
  return undefined
}

/** Those of a run, or of a folder of checkpoints itself. */
async function checkpointsIn(folder: string): Promise<string[]> {
  if (!(await isFolder(folder))) return []
  const inner = join(folder, 'checkpoints')
  const found = await listCheckpoints((await isFolder(inner)) ? inner : folder)
  return found.map((checkpoint) => checkpoint.folder)
}

function isAdapter(folder: string): Promise<boolean> {
  return isFile(join(folder, 'adapter_config.json'))
}

async function isModel(folder: string): Promise<boolean> {
  const names = ['model.safetensors', 'model.safetensors.index.json']
  const found = await Promise.all(names.map((name) => isFile(join(folder, name))))
  return found.includes(true)
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '@llft/errors'
import { readJsonIfThere } from '@llft/input'
import { listCheckpoints } from '@llft/train'

/** A model and what was trained for it, as a command names them. */
export interface ModelPaths {
  readonly model: string
  /** Undefined for a model alone. */
  readonly adapter: string | undefined
}

/**
 * The folders behind the arguments of a command: `model` may be an adapter or a run, whose base is read from them; `adapter`
 * may be a run, whose result or else newest checkpoint is meant, or a checkpoint.
 *
 * @throws ConfigError for a folder that is none of these.
 */
export async function modelPathsOf(model: string, adapter?: string): Promise<ModelPaths> {
  if (adapter !== undefined) return { model, adapter: await adapterIn(adapter) }
  if (await isFile(join(model, 'model.safetensors'))) return { model, adapter: undefined }
  const found = await adapterIn(model).catch(() => undefined)
  if (found === undefined) return { model, adapter: undefined }
  // A run of full training has a model.
  if (await isFile(join(found, 'model.safetensors'))) return { model: found, adapter: undefined }
  return { model: await baseOf(found), adapter: found }
}

async function adapterIn(folder: string): Promise<string> {
  const checkpoints = await listCheckpoints(join(folder, 'checkpoints'))
  const newest = checkpoints[0]?.folder
  const places = [
    folder,
    join(folder, 'adapter'),
    join(folder, 'model'),
    ...(newest === undefined ? [] : [newest]),
  ]
  for (const place of places) {
    if (await isFile(join(place, 'adapter_config.json'))) return place
    if (await isFile(join(place, 'model.safetensors'))) return place
  }
  throw new ConfigError(
    `${folder}: must be an adapter, a run or a checkpoint; got a folder with no adapter_config.json, nor one in adapter/ or checkpoints/.`,
  )
}

async function baseOf(adapter: string): Promise<string> {
  const config = await readJsonIfThere(join(adapter, 'adapter_config.json'))
  const base = config?.base_model_name_or_path
  if (typeof base === 'string' && (await isFile(join(base, 'config.json')))) return base
  throw new ConfigError(
    `${adapter}: the adapter must name the folder of its base model; got ${JSON.stringify(base ?? null)}. Give both: MODEL --adapter ${adapter}.`,
  )
}

function isFile(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '@llft/errors'
import { ConfigReader } from '../models/config-reader.js'
import type { DecoderConfig } from '../models/decoder-config.js'
import { parseConfig } from '../models/registry.js'
import { requireModelFolder } from './model-folder.js'

/**
 * The configuration of a model folder: config.json, and the end tokens of generation_config.json where there is one.
 *
 * @param head of the model, as for `parseConfig`.
 * @throws ConfigError if config.json is missing or does not hold.
 */
export async function readConfig(folder: string, head?: string): Promise<DecoderConfig> {
  await requireModelFolder(folder)
  const path = join(folder, 'config.json')
  const text = await readIfThere(path)
  if (text === undefined) {
    throw new ConfigError(`${path}: a model folder must hold config.json; got none.`)
  }
  const config = parseConfig(parseJson(path, text), path, head)
  const generation = join(folder, 'generation_config.json')
  const generationText = await readIfThere(generation)
  if (generationText === undefined) return config
  const json = parseJson(generation, generationText)
  const eos = new ConfigReader(json, generation).integers('eos_token_id')
  return eos.length === 0 ? config : { ...config, eosTokenIds: eos }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ConfigError(`${path}: the file must be readable; got ${(error as Error).message}.`)
  }
}

function parseJson(path: string, text: string): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new ConfigError(`${path}: must be JSON; got ${(error as Error).message}.`)
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>
  }
  throw new ConfigError(`${path}: must hold a JSON object; got ${text.slice(0, 40)}.`)
}

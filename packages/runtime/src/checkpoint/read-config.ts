import { join } from 'node:path'
import { readJsonFile, readJsonIfThere } from '@llft/input'
import { ConfigReader } from '../models/config-reader.js'
import type { DecoderConfig } from '../models/decoder-config.js'
import { parseConfig } from '../models/registry.js'
import { requireModelFolder } from './model-folder.js'

/**
 * The configuration of a model folder: config.json, and the end tokens of generation_config.json where there is one.
 *
 * @param head of the model, as for `parseConfig`.
 * @throws ConfigError if the folder is none of a model or config.json does not hold, FormatError if it is no JSON.
 */
export async function readConfig(folder: string, head?: string): Promise<DecoderConfig> {
  await requireModelFolder(folder)
  const path = join(folder, 'config.json')
  const config = parseConfig(await readJsonFile(path, LIMITS), path, head)
  const generation = join(folder, 'generation_config.json')
  const json = await readJsonIfThere(generation, LIMITS)
  if (json === undefined) return config
  const eos = new ConfigReader(json, generation).integers('eos_token_id')
  return eos.length === 0 ? config : { ...config, eosTokenIds: eos }
}

/** A thousand times what a configuration takes. */
const LIMITS = { maxBytes: 10e6 }

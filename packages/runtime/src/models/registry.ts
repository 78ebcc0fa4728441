import { ConfigError } from '@llft/errors'
import { ConfigReader } from './config-reader.js'
import type { DecoderConfig } from './decoder-config.js'
import type { Family } from './family.js'
import { llama } from './llama.js'
import { mistral } from './mistral.js'
import { phi3 } from './phi3.js'
import { qwen2 } from './qwen2.js'
import { qwen3 } from './qwen3.js'

const CAUSAL = 'CausalLM'
const FAMILIES: readonly Family[] = [llama, mistral, qwen2, qwen3, phi3]

/** `model_type` of every supported architecture. */
export function supportedModelTypes(): string[] {
  return FAMILIES.map((family) => family.modelType)
}

/**
 * A config.json, in the spelling of transformers 4 or 5, as the shared decoder sees it.
 *
 * @param where starts every message, such as the path of the file. Default 'config.json'.
 * @param head what the class of the model must end with behind 'For'. Default 'CausalLM'.
 * @throws ConfigError for an unknown architecture, listing the supported ones, and for a field that does not hold.
 */
export function parseConfig(json: unknown, where = 'config.json', head = CAUSAL): DecoderConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new ConfigError(`${where}: must hold a JSON object; got ${JSON.stringify(json)}.`)
  }
  const reader = new ConfigReader(json as Record<string, unknown>, where)
  const family = familyOf(reader, head)
  const { modelType } = family
  const architecture = classOf(family, head)
  return { ...family.read(reader), modelType, architecture, source: reader.json }
}

function familyOf(reader: ConfigReader, head: string): Family {
  const listed = [reader.json.architectures ?? []].flat()
  const type = reader.has('model_type') ? reader.string('model_type') : undefined
  const family = FAMILIES.find((known) =>
    type === undefined ? listed.includes(classOf(known, head)) : known.modelType === type,
  )
  if (family !== undefined && (listed.length === 0 || listed.includes(classOf(family, head)))) {
    return family
  }
  const got = [type ?? 'no model_type', ...listed].join(', ')
  const supported = FAMILIES.map((known) => `${known.modelType} (${classOf(known, head)})`)
  throw new ConfigError(
    `${reader.where}: the architecture must be one of ${supported.join(', ')}; got ${got}.`,
  )
}

function classOf({ name }: Family, head: string): string {
  return `${name}For${head}`
}

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '@llft/errors'
import { readJsonIfThere, readTextIfThere } from '@llft/input'

/** One entry of `added_tokens` in tokenizer.json. */
export interface AddedTokenEntry {
  readonly id: number
  readonly content: string
  readonly special?: boolean
  readonly single_word?: boolean
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  readonly normalized?: boolean
}

/** The parts of tokenizer.json that are read here; the library reads the others. */
export interface TokenizerJson {
  readonly model: object
  readonly decoder: DecoderEntry | null
  readonly added_tokens: readonly AddedTokenEntry[]
  readonly [key: string]: unknown
}

/** A decoder as tokenizer.json describes it. */
export interface DecoderEntry {
  readonly type: string
  readonly decoders?: readonly DecoderEntry[]
  readonly pattern?: { readonly String?: string; readonly Regex?: string }
  readonly content?: string
  readonly start?: number
  readonly stop?: number
  readonly replacement?: string
  readonly prepend_scheme?: string
  readonly add_prefix_space?: boolean
}

/** Everything that a model folder says about its tokenizer. */
export interface TokenizerDefinition {
  /** Where it came from, for error texts. */
  readonly source: string
  readonly json: TokenizerJson
  /** Special tokens by role, such as `bos_token`, as text. */
  readonly namedTokens: Readonly<Record<string, string>>
  /** Chat templates by name; the usual one is `default`. */
  readonly chatTemplates: Readonly<Record<string, string>>
}

/**
 * Reads tokenizer.json, tokenizer_config.json and, where they exist, special_tokens_map.json,
 * chat_template.jinja and chat_template.json. The template file wins over the one in the config.
 * @throws FormatError naming the file
 */
export async function readDefinition(folder: string): Promise<TokenizerDefinition> {
  const json = await readJsonIfThere(join(folder, 'tokenizer.json'))
  if (!json) throw await withoutTokenizer(folder)
  const config = (await readJsonIfThere(join(folder, 'tokenizer_config.json'))) ?? {}
  const map = (await readJsonIfThere(join(folder, 'special_tokens_map.json'))) ?? {}
  const templateFile = await readTextIfThere(join(folder, 'chat_template.jinja'))
  const templateJson = await readJsonIfThere(join(folder, 'chat_template.json'))
  const template = templateFile ?? templateJson?.chat_template ?? config.chat_template
  return defineTokenizer(folder, json, { ...map, ...config, chat_template: template })
}

async function withoutTokenizer(folder: string): Promise<FormatError> {
  const names = await readdir(folder).catch(() => undefined)
  const got = names === undefined ? 'no such folder' : 'no such file'
  const fix = names?.includes('tokenizer.model')
    ? ' A model with tokenizer.model alone must be converted first: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).'
    : ''
  return new FormatError(`${folder}: a tokenizer needs tokenizer.json; got ${got}.${fix}`)
}

/**
 * Joins the contents of tokenizer.json and tokenizer_config.json, already parsed.
 * @throws FormatError if a part is missing or of another type
 */
export function defineTokenizer(
  source: string,
  json: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>> = {},
): TokenizerDefinition {
  const { model, decoder = null, added_tokens: added = [] } = json
  if (typeof model !== 'object' || model === null) {
    throw new FormatError(`${source}: tokenizer.json must hold "model"; got ${typeof model}.`)
  }
  if (!Array.isArray(added) || !added.every(isAddedToken)) {
    throw new FormatError(
      `${source}: "added_tokens" of tokenizer.json must be a list of { id, content }.`,
    )
  }
  const more = configTokens(config.added_tokens_decoder, new Set(added.map(({ id }) => id)))
  const full = {
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    ...json,
    model,
    decoder: decoder as DecoderEntry | null,
    added_tokens: [...added, ...more],
  }
  return {
    source,
    json: full,
    namedTokens: namedTokens(config),
    chatTemplates: chatTemplates(source, config.chat_template),
  }
}

function isAddedToken(entry: unknown): entry is AddedTokenEntry {
  const { id, content } = (entry ?? {}) as Record<string, unknown>
  return Number.isSafeInteger(id) && (id as number) >= 0 && typeof content === 'string'
}

/** Tokens that only tokenizer_config.json adds. */
function configTokens(decoder: unknown, known: ReadonlySet<number>): AddedTokenEntry[] {
  if (typeof decoder !== 'object' || decoder === null) return []
  return Object.entries(decoder)
    .map(([id, entry]) => ({ ...(entry as object), id: Number(id) }))
    .filter((entry): entry is AddedTokenEntry => isAddedToken(entry) && !known.has(entry.id))
}

/** `bos_token` and the like, each as text or as an object with `content`. */
function namedTokens(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const named: Record<string, string> = {}
  for (const [key, value] of Object.entries(config)) {
    const text = (value as { content?: unknown } | null)?.content ?? value
    if (key.endsWith('_token') && typeof text === 'string') named[key] = text
  }
  return named
}

/** A template is text, or a list of `{ name, template }`. */
function chatTemplates(source: string, template: unknown): Record<string, string> {
  if (template === undefined || template === null) return {}
  if (typeof template === 'string') return { default: template }
  const entries = Array.isArray(template)
    ? template.map((entry) => [entry?.name, entry?.template] as const)
    : Object.entries(template as object)
  if (!entries.every(([name, text]) => typeof name === 'string' && typeof text === 'string')) {
    throw new FormatError(
      `${source}: "chat_template" must be a text or a list of { name, template }.`,
    )
  }
  return Object.fromEntries(entries)
}

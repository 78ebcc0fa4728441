import { ConfigError, DataError, shown } from '@llft/errors'
import {
  abortSignal,
  above,
  atLeast,
  from,
  list,
  parseOptions,
  text,
  wholeNumber,
} from '@llft/options'
import { z } from 'zod'
import { CausalLM } from '../models/causal-lm.js'
import type { DecoderConfig } from '../models/decoder-config.js'

/** How to continue prompts. Names of transformers in brackets where they differ. */
export interface GenerateOptions {
  /** [max_new_tokens] Default 256. */
  maxNewTokens?: number | undefined
  /** 0, the default, always takes the most likely token. */
  temperature?: number | undefined
  /** Draw from the k most likely tokens only; 0, the default, from all. */
  topK?: number | undefined
  /** Draw from the smallest set whose probabilities reach p; default 1, from all. */
  topP?: number | undefined
  /** Leave out tokens below this share of the largest probability; default 0. */
  minP?: number | undefined
  /** Prompt i draws from seed + i. Default 0. */
  seed?: number | undefined
  /** Tokens that end a sequence. Default: those of the model's configuration. */
  eosTokenIds?: readonly number[] | undefined
  /** Stops before the next token, with an AbortedError. */
  signal?: AbortSignal | undefined
}

/** Options of a continuation of texts. */
export interface GenerateTextOptions extends GenerateOptions {
  /** Strings that end a continuation; they and what follows are not part of it. */
  stop?: readonly string[] | undefined
}

const schema = z.strictObject({
  maxNewTokens: wholeNumber(1).default(256),
  temperature: atLeast(0).default(0),
  topK: wholeNumber(0).default(0),
  topP: above(0).max(1, 'must be at most 1').default(1),
  minP: from(0, 1).default(0),
  seed: wholeNumber(0).default(0),
  eosTokenIds: list(wholeNumber(0), 'must be a list of token ids').optional(),
  signal: abortSignal.optional(),
})
const textSchema = schema.extend({
  stop: list(text('must be a string that is not empty'), 'must be a list of strings').default([]),
})

/** Options with their defaults. */
export type ResolvedOptions = Required<Omit<GenerateOptions, 'signal'>> & {
  signal: AbortSignal | undefined
}

export type ResolvedTextOptions = ResolvedOptions & { stop: readonly string[] }

/** @throws ConfigError that names the option; a misspelt one comes with the nearest known one. */
export function resolveOptions(options: GenerateOptions, config: DecoderConfig): ResolvedOptions {
  return withEnds(parseOptions(schema, options, 'generate'), config)
}

/** The same for `generateText` and `streamText`. */
export function resolveTextOptions(
  options: GenerateTextOptions,
  config: DecoderConfig,
): ResolvedTextOptions {
  const { stop, ...rest } = parseOptions(textSchema, options, 'generateText')
  return { ...withEnds(rest, config), stop }
}

function withEnds(parsed: z.output<typeof schema>, config: DecoderConfig): ResolvedOptions {
  const { eosTokenIds = config.eosTokenIds, signal } = parsed
  return { ...parsed, eosTokenIds, signal }
}

/** Positions that the model can tell apart; scalings that stretch `max_position_embeddings` count in. */
export function contextLimit({ maxPositions, rope }: DecoderConfig): number {
  const { scaling } = rope
  const stretched = scaling.type === 'linear' || scaling.type === 'dynamic'
  return stretched ? Math.floor(maxPositions * scaling.factor) : maxPositions
}

/** @throws DataError for no prompt, an empty one, one that leaves no room for a token, or what is no token id. */
export function checkPrompts(prompts: readonly (readonly number[])[], config: DecoderConfig): void {
  const limit = contextLimit(config)
  for (const [index, prompt] of prompts.entries()) {
    const where = `generate: prompt ${index}`
    if (!Array.isArray(prompt) && !ArrayBuffer.isView(prompt)) {
      throw new DataError(
        `${where} must be a list of token ids; got ${shown(prompt)}. Encode it, or call generateText.`,
      )
    }
    if (prompt.length === 0) throw new DataError(`${where} must have a token; got none.`)
    if (prompt.length >= limit) {
      throw new DataError(
        `${where} must be shorter than the context of ${limit} tokens; got ${prompt.length}. Shorten it.`,
      )
    }
    checkIds(prompt, where, config.vocabulary)
  }
}

function checkIds(ids: readonly number[], where: string, vocabulary: number): void {
  const wrong = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary))
  if (wrong < 0) return
  throw new DataError(
    `${where}: token ids must be whole numbers below the vocabulary of ${vocabulary}; got ${shown(ids[wrong])} at ${wrong}.`,
  )
}

/** What JavaScript may pass. @throws ConfigError for no loaded model, DataError for no list of prompts or an empty one. */
export function checkCall(model: unknown, prompts: unknown, caller: string): void {
  if (!(model instanceof CausalLM)) {
    const fix = typeof model === 'string' ? ` Call loadModel(${shown(model)}) first.` : ''
    throw new ConfigError(
      `${caller}.model: must be a loaded model; got ${typeof model === 'object' && model !== null ? 'another object' : shown(model)}.${fix}`,
    )
  }
  if (!Array.isArray(prompts)) {
    throw new DataError(
      `${caller}: prompts must be a list; got ${shown(prompts)}. Put it into one.`,
    )
  }
  if (prompts.length === 0) throw new DataError(`${caller}: there must be a prompt; got none.`)
}

import { ConfigError, DataError } from '@llft/errors'
import type { DecoderConfig } from '../models/decoder-config.js'

/** How to continue prompts. Names of transformers in brackets where they differ. */
export interface GenerateOptions {
  /** [max_new_tokens] Default 256. */
  maxNewTokens?: number
  /** 0, the default, always takes the most likely token. */
  temperature?: number
  /** Draw from the k most likely tokens only; 0, the default, from all. */
  topK?: number
  /** Draw from the smallest set whose probabilities reach p; default 1, from all. */
  topP?: number
  /** Leave out tokens below this share of the largest probability; default 0. */
  minP?: number
  /** Prompt i draws from seed + i. Default 0. */
  seed?: number
  /** Tokens that end a sequence. Default: those of the model's configuration. */
  eosTokenIds?: readonly number[]
  /** Stops before the next token, with an AbortedError. */
  signal?: AbortSignal
}

/** Options with their defaults. */
export type ResolvedOptions = Required<Omit<GenerateOptions, 'signal'>> & {
  signal: AbortSignal | undefined
}

type Rule = readonly [name: keyof GenerateOptions, holds: (value: number) => boolean, rule: string]

const RULES: readonly Rule[] = [
  ['maxNewTokens', (n) => Number.isSafeInteger(n) && n >= 1, 'a whole number from 1 up'],
  ['temperature', (t) => t >= 0 && Number.isFinite(t), 'a number from 0 up'],
  ['topK', (k) => Number.isSafeInteger(k) && k >= 0, 'a whole number from 0 up'],
  ['topP', (p) => p > 0 && p <= 1, 'above 0 and at most 1'],
  ['minP', (p) => p >= 0 && p <= 1, 'from 0 to 1'],
  ['seed', (seed) => Number.isSafeInteger(seed) && seed >= 0, 'a whole number from 0 up'],
]

/** @throws ConfigError for an option out of its range. */
export function resolveOptions(options: GenerateOptions, config: DecoderConfig): ResolvedOptions {
  const resolved = {
    maxNewTokens: options.maxNewTokens ?? 256,
    temperature: options.temperature ?? 0,
    topK: options.topK ?? 0,
    topP: options.topP ?? 1,
    minP: options.minP ?? 0,
    seed: options.seed ?? 0,
    eosTokenIds: options.eosTokenIds ?? config.eosTokenIds,
    signal: options.signal,
  }
  for (const [name, holds, rule] of RULES) {
    const value = resolved[name as keyof typeof resolved] as number
    if (typeof value !== 'number' || !holds(value)) {
      throw new ConfigError(`generate: ${name} must be ${rule}; got ${String(value)}.`)
    }
  }
  return resolved
}

/** Positions that the model can tell apart; scalings that stretch `max_position_embeddings` count in. */
export function contextLimit({ maxPositions, rope }: DecoderConfig): number {
  const { scaling } = rope
  const stretched = scaling.type === 'linear' || scaling.type === 'dynamic'
  return stretched ? Math.floor(maxPositions * scaling.factor) : maxPositions
}

/** @throws DataError for no prompt, an empty one, or one that leaves no room for a token. */
export function checkPrompts(prompts: readonly (readonly number[])[], config: DecoderConfig): void {
  if (prompts.length === 0) throw new DataError('generate: there must be a prompt; got none.')
  const limit = contextLimit(config)
  for (const [index, prompt] of prompts.entries()) {
    if (prompt.length === 0) {
      throw new DataError(`generate: prompt ${index} must have a token; got none.`)
    }
    if (prompt.length >= limit) {
      throw new DataError(
        `generate: prompt ${index} must be shorter than the context of ${limit} tokens; ` +
          `got ${prompt.length}. Shorten it.`,
      )
    }
  }
}

import { Tokenizer } from '@huggingface/tokenizers'
import { FormatError } from '@llft/errors'
import type { AddedTokenEntry, TokenizerJson } from './definition.js'

/** Splits text that holds no special token into words. */
export type SplitStep = (text: string, options: { section_index?: number }) => string[]

/** What is used of the library, whose own declarations do not resolve in Node's module mode. */
export interface Library {
  pre_tokenizer: SplitStep | null
  readonly normalizer: ((text: string) => string) | null
  readonly post_processor:
    | ((tokens: string[], pair: null, addSpecialTokens: boolean) => { tokens: string[] })
    | null
  readonly model: {
    readonly vocab: readonly (string | undefined)[]
    /** With the added tokens. */
    readonly tokens_to_ids: ReadonlyMap<string, number>
    readonly unk_token?: string | null
    readonly unk_token_id?: number
  }
  readonly added_tokens: readonly AddedTokenEntry[]
  readonly added_tokens_map: ReadonlyMap<string, AddedTokenEntry>
  encode(text: string, options: { add_special_tokens: boolean }): { ids: (number | undefined)[] }
  id_to_token(id: number): string | undefined
  token_to_id(token: string): number | undefined
}

/** @throws any error for a description that is incomplete or of an unknown type */
export function createLibrary(json: TokenizerJson, eosToken: string | undefined): Library {
  return new Tokenizer(json, { eos_token: eosToken }) as unknown as Library
}

/**
 * Runs a step of the library, which does not check a description, so a damaged one fails anywhere.
 * @throws FormatError
 */
export function describedBy<T>(source: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    if (error instanceof FormatError) throw error
    throw new FormatError(
      `${source}: tokenizer.json must describe a tokenizer; got ${(error as Error).message}.`,
      { cause: error },
    )
  }
}

/** For a piece of a text that no id stands for. */
export function missingId(source: string): FormatError {
  return new FormatError(
    `${source}: tokenizer.json must give every piece of a text an id; got a piece without one.`,
  )
}

import { Tokenizer as Library } from '@huggingface/tokenizers'
import type { TokenizerDefinition } from './definition.js'
import { FormatError } from './errors.js'
import { spellSplits } from './exact-splits.js'
import { removeMarks } from './special-text.js'
import { WordCache } from './word-cache.js'

/** Words whose tokens are remembered, about 10 MB. */
const WORDS_CACHED = 50_000

/** Splits text that holds no special token into words. */
type SplitStep = (text: string, options: { section_index?: number }) => string[]

/** What is used of the library, whose own declarations do not resolve in Node's module mode. */
export interface Encoder {
  pre_tokenizer: SplitStep | null
  readonly model: { readonly vocab: readonly (string | undefined)[]; cache?: WordCache }
  encode(text: string, options: { add_special_tokens: boolean }): { ids: (number | undefined)[] }
  id_to_token(id: number): string | undefined
  token_to_id(token: string): number | undefined
}

/**
 * The encoder that tokenizer.json describes. It understands the marks of special-text.ts.
 * @throws FormatError if the description is incomplete or of an unknown type
 */
export function createEncoder(definition: TokenizerDefinition): Encoder {
  const { source, json, namedTokens } = definition
  const encoder = describedBy(source, () => {
    const exact = { ...json, pre_tokenizer: spellSplits(json.pre_tokenizer) }
    return new Library(exact, { eos_token: namedTokens.eos_token }) as unknown as Encoder
  })
  if (encoder.model.cache) encoder.model.cache = new WordCache(WORDS_CACHED)
  // The step behind the search for special tokens is where guarded text becomes plain again.
  const split = encoder.pre_tokenizer
  encoder.pre_tokenizer = (text, options) => {
    const plain = removeMarks(text)
    return split ? split(plain, options) : [plain]
  }
  return encoder
}

/**
 * Runs a step of the library, which does not check a description, so a damaged one fails anywhere.
 * @throws FormatError
 */
export function describedBy<T>(source: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw new FormatError(
      `${source}: tokenizer.json must describe a tokenizer; got ${(error as Error).message}.`,
      { cause: error },
    )
  }
}

import { BpeEncoder, isPlainBpe } from './bpe-encoder.js'
import type { TokenizerDefinition } from './definition.js'
import { describedBy, type Library } from './library.js'
import { LibraryEncoder } from './library-encoder.js'

/** Turns text into ids. It understands the marks of special-text.ts. */
export interface Encoder {
  /** Knows the tokens by id and by text. */
  readonly library: Library
  /** @throws any error if the description is damaged */
  encode(text: string, addSpecialTokens: boolean): number[]
}

/**
 * The encoder that tokenizer.json describes.
 * @throws FormatError if the description is incomplete or of an unknown type
 */
export function createEncoder(definition: TokenizerDefinition): Encoder {
  return describedBy(definition.source, () =>
    isPlainBpe(definition.json.model) ? new BpeEncoder(definition) : new LibraryEncoder(definition),
  )
}

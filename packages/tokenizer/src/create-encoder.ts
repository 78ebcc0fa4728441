import { BpeEncoder, isPlainBpe } from './bpe-encoder.js'
import type { TokenizerDefinition } from './definition.js'
import type { Encoder } from './encoder.js'
import { describedBy } from './library.js'
import { LibraryEncoder } from './library-encoder.js'

/**
 * The encoder that tokenizer.json describes.
 * @throws FormatError if the description is incomplete or of an unknown type
 */
export function createEncoder(definition: TokenizerDefinition): Encoder {
  return describedBy(definition.source, () =>
    isPlainBpe(definition.json.model) ? new BpeEncoder(definition) : new LibraryEncoder(definition),
  )
}

import { TIME_LIMIT_MS, withinTime } from '@llft/input'
import { BpeEncoder, isPlainBpe } from './bpe-encoder.js'
import type { TokenizerDefinition } from './definition.js'
import type { Encoder } from './encoder.js'
import { describedBy } from './library.js'
import { LibraryEncoder } from './library-encoder.js'
import { checkVocabulary } from './vocabulary-check.js'
import { wordRules } from './words/known-words.js'

/**
 * The encoder that tokenizer.json describes.
 * @throws FormatError if the description is incomplete or of an unknown type
 */
export function createEncoder(definition: TokenizerDefinition): Encoder {
  const { source, json } = definition
  checkVocabulary(definition)
  const encoder = describedBy(source, () =>
    isPlainBpe(json.model) ? new BpeEncoder(definition) : new LibraryEncoder(definition),
  )
  return hasForeignPattern(definition) ? inTime(source, encoder) : encoder
}

/** Whether texts are matched by expressions of the file, and not by code of ours that stands for well-known ones. */
function hasForeignPattern({ json }: TokenizerDefinition): boolean {
  const holdsPattern = (part: unknown) => JSON.stringify(part ?? null).includes('"Regex"')
  if (holdsPattern(json.normalizer)) return true
  return holdsPattern(json.pre_tokenizer) && wordRules(json.pre_tokenizer).wordEnd === undefined
}

/** Milliseconds that a character may take: a thousand times what one does. */
const PER_CHARACTER_MS = 0.05

function inTime(source: string, encoder: Encoder): Encoder {
  const what = `${source}: splitting a text by the patterns of tokenizer.json`
  return {
    library: encoder.library,
    encode: (text, addSpecialTokens) =>
      withinTime(
        what,
        () => encoder.encode(text, addSpecialTokens),
        TIME_LIMIT_MS + Math.ceil(PER_CHARACTER_MS * text.length),
      ),
  }
}

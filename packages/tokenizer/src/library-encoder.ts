import type { TokenizerDefinition } from './definition.js'
import type { Encoder } from './encoder.js'
import { spellSplits } from './exact-splits.js'
import { createLibrary, type Library, missingId } from './library.js'
import { removeMarks } from './special-text.js'

/** For rare kinds of models: all is left to the library. */
export class LibraryEncoder implements Encoder {
  readonly library: Library

  constructor(private readonly definition: TokenizerDefinition) {
    const { json, namedTokens } = definition
    const exact = { ...json, pre_tokenizer: spellSplits(json.pre_tokenizer) }
    this.library = createLibrary(exact, namedTokens.eos_token)
    // The step behind the search for special tokens is where guarded text becomes plain again.
    const split = this.library.pre_tokenizer
    this.library.pre_tokenizer = (text, options) => {
      const plain = removeMarks(text)
      return split ? split(plain, options) : [plain]
    }
  }

  encode(text: string, addSpecialTokens: boolean): number[] {
    const { ids } = this.library.encode(text, { add_special_tokens: addSpecialTokens })
    if (ids.includes(undefined)) throw missingId(this.definition.source)
    return ids as number[]
  }
}

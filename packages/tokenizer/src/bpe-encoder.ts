import { shown } from '@llft/errors'
import { AddedTokens } from './added-tokens.js'
import { byteAlphabet, characterAlphabet } from './bpe/alphabet.js'
import { BpeWords } from './bpe/bpe-words.js'
import { type Merge, Symbols } from './bpe/symbols.js'
import type { TokenizerDefinition } from './definition.js'
import type { Encoder } from './encoder.js'
import { createLibrary, type Library } from './library.js'
import { removeMarks } from './special-text.js'
import { TokenIds } from './token-ids.js'
import { wordRules } from './words/known-words.js'
import { spacedWordEnd } from './words/spaced-words.js'
import type { WordEnd } from './words/word-end.js'

/** "model" of tokenizer.json, for BPE. */
interface BpeJson {
  readonly type?: unknown
  readonly merges?: unknown
  readonly vocab?: unknown
  readonly byte_fallback?: unknown
  readonly fuse_unk?: unknown
  readonly ignore_merges?: unknown
  readonly end_of_word_suffix?: unknown
  readonly continuing_subword_prefix?: unknown
  readonly continuing_subword_suffix?: unknown
}

/** Whether a model is BPE without marks for the middle or the end of a word. */
export function isPlainBpe(model: BpeJson): boolean {
  const marks = [
    model.end_of_word_suffix,
    model.continuing_subword_prefix,
    model.continuing_subword_suffix,
  ]
  return model.type === 'BPE' && !marks.some(Boolean)
}

/**
 * Byte-pair encoding from text to ids without tokens as text in between. Normalisers, patterns that
 * are not well known and the placing of BOS and EOS are the library's.
 */
export class BpeEncoder implements Encoder {
  readonly library: Library
  private readonly ids: TokenIds
  private readonly words: BpeWords
  private readonly wordEnd: WordEnd | undefined
  /** Tokens that are looked for before and behind the normaliser. */
  private readonly verbatim: AddedTokens
  private readonly normalized: AddedTokens
  private readonly fuseUnknown: boolean

  constructor(definition: TokenizerDefinition) {
    const { json, namedTokens, source } = definition
    const model = json.model as BpeJson
    const rules = wordRules(json.pre_tokenizer)
    const merges = readMerges(model)
    // The library gets no merges: it would keep a text of each.
    const bare = { ...json, model: { ...model, merges: [] }, pre_tokenizer: rules.preTokenizer }
    this.library = createLibrary(bare, namedTokens.eos_token)
    this.ids = new TokenIds(source, this.library, Boolean(model.byte_fallback))
    const wholeWords = Boolean(model.ignore_merges)
    this.words = createWords(this.library, this.ids, merges, rules.bytes, wholeWords)
    const spaced = !rules.bytes && !wholeWords
    this.wordEnd = spaced ? spacedWordEnd(merges.map(([a, b]) => a + b)) : rules.wordEnd
    this.fuseUnknown = Boolean(model.fuse_unk)
    const { verbatim, normalized } = addedTexts(this.library)
    this.verbatim = new AddedTokens(verbatim, this.library.added_tokens_map)
    this.normalized = new AddedTokens(normalized, this.library.added_tokens_map)
  }

  encode(text: string, addSpecialTokens: boolean): number[] {
    const ids: number[] = []
    for (const [index, part] of this.verbatim.split(text).entries()) {
      const token = this.verbatim.token(part)
      if (token) ids.push(token.id)
      else if (part !== '') this.appendSection(part, index, ids)
    }
    return this.ids.framed(ids, addSpecialTokens)
  }

  private appendSection(section: string, index: number, ids: number[]): void {
    const text = this.library.normalizer?.(section) ?? section
    for (const part of this.normalized.split(text)) {
      const token = this.normalized.token(part)
      if (token) ids.push(token.id)
      else if (part !== '') this.appendWords(removeMarks(part), index, ids)
    }
  }

  private appendWords(text: string, index: number, ids: number[]): void {
    const first = ids.length
    const split = this.library.pre_tokenizer
    if (!split) this.appendWord(text, ids)
    else for (const word of split(text, { section_index: index })) this.appendWord(word, ids)
    if (this.fuseUnknown) this.ids.fuseUnknown(ids, first)
  }

  private appendWord(text: string, ids: number[]): void {
    const { words, wordEnd } = this
    for (let start = 0, end = 0; start < text.length; start = end) {
      end = wordEnd ? wordEnd(text, start) : text.length
      words.append(text, start, end, ids)
    }
  }
}

function createWords(
  library: Library,
  ids: TokenIds,
  merges: readonly Merge[],
  bytes: boolean,
  wholeWords: boolean,
): BpeWords {
  const vocabulary = library.model.tokens_to_ids
  const symbols = new Symbols(vocabulary, merges, (text) => ids.of(text))
  const alphabet = (bytes ? byteAlphabet : characterAlphabet)(symbols.ofCharacter)
  if (!wholeWords) return new BpeWords(symbols, alphabet)
  return new BpeWords(symbols, alphabet, (word) =>
    vocabulary.has(word) ? ids.of(word)[0] : undefined,
  )
}

/** @throws Error for a merge that is no two texts, or whose tokens are not in the vocabulary */
function readMerges({ merges, vocab }: BpeJson): Merge[] {
  if (!Array.isArray(merges)) throw new Error('no list of merges')
  const known = new Set(Object.keys((vocab ?? {}) as object))
  return merges.map((merge: unknown) => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge
    if (!isMerge(pair)) throw new Error(`the merge ${shown(merge)}, which is no two tokens`)
    const [first, second] = pair
    const unknown = [first, second, first + second].find((token) => !known.has(token))
    if (unknown === undefined) return pair
    throw new Error(`the merge ${shown(merge)} of ${shown(unknown)}, which is not in "vocab"`)
  })
}

function isMerge(pair: unknown): pair is Merge {
  if (!Array.isArray(pair) || pair.length !== 2) return false
  return typeof pair[0] === 'string' && typeof pair[1] === 'string'
}

/** The texts that added tokens are looked for in. */
function addedTexts({ normalizer, added_tokens: tokens }: Library) {
  const verbatim = tokens.filter(({ normalized }) => !normalized || !normalizer)
  const normalized = tokens.filter((token) => !verbatim.includes(token))
  return {
    verbatim: verbatim.map(({ content }) => content),
    normalized: normalized.map(({ content }) => normalizer?.(content) ?? content),
  }
}

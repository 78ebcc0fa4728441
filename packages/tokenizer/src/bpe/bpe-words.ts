import type { Alphabet } from './alphabet.js'
import { mergeSymbols } from './merge.js'
import type { Symbols } from './symbols.js'
import { WordCache } from './word-cache.js'

/** Words whose ids are remembered. */
const WORDS_CACHED = 50_000
/** Symbols that one UTF-16 unit of a text can be, at most: the bytes of U+FFFF. */
const SYMBOLS_PER_UNIT = 3
/** Room for longer words is made for each of them. */
const USUAL_UNITS = 1024

/** Turns words into ids by byte-pair encoding, and remembers those of short words. */
export class BpeWords {
  private readonly cache = new WordCache(WORDS_CACHED)
  private readonly scratch = new Int32Array(SYMBOLS_PER_UNIT * USUAL_UNITS)

  /** @param wholeWord the id of a word that is a token, if such words are not merged */
  constructor(
    private readonly symbols: Symbols,
    private readonly alphabet: Alphabet,
    private readonly wholeWord?: (written: string) => number | undefined,
  ) {}

  /** Appends the ids of the word from `start` to `end`. */
  append(text: string, start: number, end: number, ids: number[]): void {
    if (this.cache.append(text, start, end, ids)) return
    const first = ids.length
    const id = this.wholeWord?.(this.alphabet.written(text.slice(start, end)))
    if (id !== undefined) ids.push(id)
    else this.merge(text, start, end, ids)
    this.cache.put(text, start, end, ids, first)
  }

  private merge(text: string, start: number, end: number, ids: number[]): void {
    const usual = end - start <= USUAL_UNITS
    const symbols = usual ? this.scratch : new Int32Array(SYMBOLS_PER_UNIT * (end - start))
    const spelt = this.alphabet.spell(text, start, end, symbols)
    const count = mergeSymbols(symbols, spelt, this.symbols.pairs)
    for (let i = 0; i < count; i++) this.symbols.appendIds(symbols[i] as number, ids)
  }
}

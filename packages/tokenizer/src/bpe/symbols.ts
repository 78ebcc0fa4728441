import type { SymbolOf } from './alphabet.js'
import { PairTable } from './pair-table.js'

/** Two texts that become one. */
export type Merge = readonly [string, string]

/** Ids of a text that merging made: its own, or those that stand for an unknown one. */
export type IdsOf = (text: string) => readonly number[]

/**
 * The texts that merging deals with, numbered. A character that is none of them is the negative
 * number `-1 - codePoint`.
 */
export class Symbols {
  readonly pairs: PairTable
  /** Of the symbols that are tokens, which come first. */
  private readonly ids: Int32Array
  /** Of symbols that only merges name. */
  private readonly otherIds = new Map<number, readonly number[]>()
  private readonly characters = new Map<number, number>()

  constructor(
    vocabulary: ReadonlyMap<string, unknown>,
    merges: readonly Merge[],
    private readonly idsOf: IdsOf,
  ) {
    const numbers = new Map<string, number>()
    this.ids = new Int32Array(vocabulary.size)
    for (const token of vocabulary.keys()) {
      this.ids[numbers.size] = idsOf(token)[0] as number
      this.noteCharacter(token, numbers.size)
      numbers.set(token, numbers.size)
    }
    const numberOf = (text: string) => {
      const known = numbers.get(text)
      if (known !== undefined) return known
      const number = numbers.size
      numbers.set(text, number)
      this.otherIds.set(number, idsOf(text))
      this.noteCharacter(text, number)
      return number
    }
    this.pairs = new PairTable(merges.length)
    for (let rank = 0; rank < merges.length; rank++) {
      const [left, right] = merges[rank] as Merge
      this.pairs.set(numberOf(left), numberOf(right), rank, numberOf(left + right))
    }
  }

  readonly ofCharacter: SymbolOf = (codePoint) => this.characters.get(codePoint) ?? -1 - codePoint

  appendIds(symbol: number, into: number[]): void {
    if (symbol >= 0 && symbol < this.ids.length) into.push(this.ids[symbol] as number)
    else into.push(...(this.otherIds.get(symbol) ?? this.idsOf(String.fromCodePoint(-1 - symbol))))
  }

  /** Remembers which symbol a character is. */
  private noteCharacter(text: string, number: number): void {
    const codePoint = text.length <= 2 ? text.codePointAt(0) : undefined
    if (codePoint !== undefined && text.length === (codePoint > 0xffff ? 2 : 1)) {
      this.characters.set(codePoint, number)
    }
  }
}

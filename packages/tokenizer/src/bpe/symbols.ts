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
  /** Of a symbol that is a token, else -1. */
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
    const numberOf = (text: string) => {
      const number = numbers.get(text) ?? numbers.size
      if (number === numbers.size) numbers.set(text, number)
      return number
    }
    for (const token of vocabulary.keys()) numberOf(token)
    this.pairs = new PairTable(merges.length)
    for (const [rank, [left, right]] of merges.entries()) {
      this.pairs.set(numberOf(left), numberOf(right), rank, numberOf(left + right))
    }
    this.ids = new Int32Array(numbers.size)
    for (const [text, number] of numbers) this.describe(text, number, vocabulary.has(text))
  }

  readonly ofCharacter: SymbolOf = (codePoint) => this.characters.get(codePoint) ?? -1 - codePoint

  appendIds(symbol: number, into: number[]): void {
    const id = symbol < 0 ? -1 : (this.ids[symbol] as number)
    if (id >= 0) into.push(id)
    else into.push(...(this.otherIds.get(symbol) ?? this.idsOf(String.fromCodePoint(-1 - symbol))))
  }

  private describe(text: string, number: number, isToken: boolean): void {
    const codePoint = text.codePointAt(0)
    if (codePoint !== undefined && text.length === (codePoint > 0xffff ? 2 : 1)) {
      this.characters.set(codePoint, number)
    }
    const ids = this.idsOf(text)
    if (!isToken) this.otherIds.set(number, ids)
    this.ids[number] = isToken ? (ids[0] as number) : -1
  }
}

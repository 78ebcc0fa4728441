// Byte-level byte-pair encoding: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units".
import { BYTE_CHARACTERS, preTokenize } from './pre-tokenizer.js'

export interface Vocabulary {
  /** Token text (in GPT-2's byte characters) to id. */
  ids: Map<string, number>
  /** Merges in order of learning, as pairs of token texts. */
  merges: [string, string][]
}

interface Word {
  symbols: number[]
  count: number
}

const PAIR = 65536
const MAX_TOKEN_BYTES = 24

/**
 * Learns merges until the vocabulary has `size` tokens: `reserved` first, then the 256 bytes, then merges.
 * The most frequent pair wins; among equals the one of the smaller ids, so the result depends on the texts alone.
 */
export function trainBpe(
  texts: Iterable<string>,
  size: number,
  reserved: readonly string[],
): Vocabulary {
  const tokens = [...reserved, ...BYTE_CHARACTERS]
  const words = countWords(texts, reserved.length)
  const pairs = new PairCounts(words)
  const merges: [string, string][] = []
  while (tokens.length < size) {
    const best = pairs.mostFrequent((left, right) => tokens[left]!.length + tokens[right]!.length)
    if (best === undefined) break
    const left = Math.floor(best / PAIR)
    const right = best % PAIR
    merges.push([tokens[left]!, tokens[right]!])
    tokens.push(tokens[left]! + tokens[right]!)
    pairs.merge(best, tokens.length - 1)
  }
  return { ids: new Map(tokens.map((token, id) => [token, id])), merges }
}

function countWords(texts: Iterable<string>, firstByte: number): Word[] {
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const piece of preTokenize(text)) counts.set(piece, (counts.get(piece) ?? 0) + 1)
  }
  const encoder = new TextEncoder()
  return Array.from(counts, ([piece, count]) => ({
    symbols: Array.from(encoder.encode(piece), (byte) => firstByte + byte),
    count,
  }))
}

/** How often each pair of neighbours occurs, and in which words; kept up to date as words merge. */
class PairCounts {
  readonly #counts = new Map<number, number>()
  readonly #where = new Map<number, Set<number>>()

  constructor(private readonly words: Word[]) {
    for (const index of words.keys()) this.#add(index, 1)
  }

  mostFrequent(mergedBytes: (left: number, right: number) => number): number | undefined {
    let best: number | undefined
    let bestCount = 1
    for (const [pair, count] of this.#counts) {
      if (count < bestCount || (count === bestCount && (best === undefined || pair > best)))
        continue
      if (mergedBytes(Math.floor(pair / PAIR), pair % PAIR) > MAX_TOKEN_BYTES) continue
      best = pair
      bestCount = count
    }
    return best
  }

  merge(pair: number, merged: number): void {
    const left = Math.floor(pair / PAIR)
    const right = pair % PAIR
    for (const index of [...(this.#where.get(pair) ?? [])]) {
      this.#add(index, -1)
      const word = this.words[index]!
      word.symbols = replacePair(word.symbols, left, right, merged)
      this.#add(index, 1)
    }
    this.#counts.delete(pair)
    this.#where.delete(pair)
  }

  /** Adds (sign 1) or takes away (sign -1) every pair of one word. */
  #add(index: number, sign: 1 | -1): void {
    const { symbols, count } = this.words[index]!
    for (let i = 1; i < symbols.length; i++) {
      const pair = symbols[i - 1]! * PAIR + symbols[i]!
      const total = (this.#counts.get(pair) ?? 0) + sign * count
      if (total > 0) this.#counts.set(pair, total)
      else this.#counts.delete(pair)
      const where = this.#where.get(pair)
      if (sign === -1) where?.delete(index)
      else if (where) where.add(index)
      else this.#where.set(pair, new Set([index]))
    }
  }
}

function replacePair(symbols: number[], left: number, right: number, merged: number): number[] {
  const out: number[] = []
  for (let i = 0; i < symbols.length; i++) {
    const found = symbols[i] === left && symbols[i + 1] === right
    out.push(found ? merged : symbols[i]!)
    if (found) i++
  }
  return out
}

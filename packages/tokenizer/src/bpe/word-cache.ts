/** Longer words hardly come again. */
const LONGEST_WORD = 128
const CHARACTERS_PER_WORD = 8
const IDS_PER_WORD = 8

/**
 * The ids of words met before, in arrays of fixed size: 3.5 MB for 50 000 words of usual length.
 *
 * A word is looked up where it stands in a text, so no string is made of it. The cache empties
 * itself when it is full: words of a text repeat so much that filling it again costs less than
 * keeping the order of use at every look-up.
 */
export class WordCache {
  /** Number of a word, from 1 on; 0 is a free slot. */
  private readonly slots: Int32Array
  private readonly hashes: Int32Array
  /** Where characters and ids of a word end, which is where those of the next one start. */
  private readonly characterEnds: Int32Array
  private readonly idEnds: Int32Array
  private readonly characters: Uint16Array
  private readonly ids: Int32Array
  private count = 0
  /** Slot and hash of the last word looked up. */
  private slot = 0
  private hash = 0

  constructor(private readonly capacity: number) {
    let size = 16
    while (size < 2 * capacity) size *= 2
    this.slots = new Int32Array(size)
    this.hashes = new Int32Array(capacity + 1)
    this.characterEnds = new Int32Array(capacity + 1)
    this.idEnds = new Int32Array(capacity + 1)
    this.characters = new Uint16Array(Math.max(LONGEST_WORD, capacity * CHARACTERS_PER_WORD))
    this.ids = new Int32Array(capacity * IDS_PER_WORD)
  }

  /** Appends the ids of the word from `start` to `end` to `into`; false if it is not known. */
  append(text: string, start: number, end: number, into: number[]): boolean {
    if (end - start > LONGEST_WORD) return false
    const word = this.find(text, start, end)
    if (word === 0) return false
    const { ids, idEnds } = this
    const last = idEnds[word] as number
    for (let i = idEnds[word - 1] as number; i < last; i++) into.push(ids[i] as number)
    return true
  }

  /** Keeps the ids from `first` on for the word that `append` has just not found. */
  put(text: string, start: number, end: number, ids: readonly number[], first: number): void {
    const length = end - start
    const idCount = ids.length - first
    if (length > LONGEST_WORD || idCount > this.ids.length) return
    if (!this.fits(length, idCount)) {
      this.clear()
      this.find(text, start, end)
    }
    const word = ++this.count
    const character = this.characterEnds[word - 1] as number
    for (let i = 0; i < length; i++) this.characters[character + i] = text.charCodeAt(start + i)
    const id = this.idEnds[word - 1] as number
    for (let i = 0; i < idCount; i++) this.ids[id + i] = ids[first + i] as number
    this.characterEnds[word] = character + length
    this.idEnds[word] = id + idCount
    this.hashes[word] = this.hash
    this.slots[this.slot] = word
  }

  private fits(length: number, idCount: number): boolean {
    const { count, characterEnds, idEnds } = this
    return (
      count < this.capacity &&
      (characterEnds[count] as number) + length <= this.characters.length &&
      (idEnds[count] as number) + idCount <= this.ids.length
    )
  }

  private clear(): void {
    this.slots.fill(0)
    this.count = 0
  }

  /** The number of a word, or 0; `slot` and `hash` are then where it belongs. */
  private find(text: string, start: number, end: number): number {
    const { slots, hashes } = this
    let hash = end - start
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1)
    hash ^= hash >>> 15
    this.hash = hash
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const word = slots[slot] as number
      this.slot = slot
      if (word === 0 || (hashes[word] === hash && this.equals(word, text, start, end))) return word
    }
  }

  private equals(word: number, text: string, start: number, end: number): boolean {
    const { characters, characterEnds } = this
    const from = characterEnds[word - 1] as number
    if ((characterEnds[word] as number) - from !== end - start) return false
    for (let i = start, at = from; i < end; i++, at++) {
      if (characters[at] !== text.charCodeAt(i)) return false
    }
    return true
  }
}

/**
 * The pieces of words met before. It empties itself when it is full: words of a text repeat so much
 * that filling it again costs less than keeping the order of use at every look-up.
 */
export class WordCache {
  private readonly words = new Map<string, string[]>()

  constructor(private readonly capacity: number) {}

  get(word: string): string[] | undefined {
    return this.words.get(word)
  }

  put(word: string, pieces: string[]): void {
    if (this.words.size >= this.capacity) this.words.clear()
    this.words.set(word, pieces)
  }

  clear(): void {
    this.words.clear()
  }
}

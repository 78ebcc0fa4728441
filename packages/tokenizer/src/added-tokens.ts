import type { AddedTokenEntry } from './definition.js'

interface Node {
  readonly children: Map<number, Node>
  /** Length of the token that ends here, or 0. */
  length: number
}

/** Finds added tokens in a text: the leftmost first, the longest of those that start there. */
export class AddedTokens {
  private readonly root: Node = { children: new Map(), length: 0 }
  /** Whether a token starts with a unit that ends in this byte: almost none does, and it is fast. */
  private readonly starts = new Uint8Array(256)
  private longest = 0

  /**
   * @param texts of the tokens to look for
   * @param byText every added token
   */
  constructor(
    texts: Iterable<string>,
    private readonly byText: ReadonlyMap<string, AddedTokenEntry>,
  ) {
    for (const text of byText.keys()) this.longest = Math.max(this.longest, text.length)
    for (const text of texts) {
      let node = this.root
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i)
        const child = node.children.get(unit) ?? { children: new Map(), length: 0 }
        node.children.set(unit, child)
        node = child
      }
      node.length = text.length
      if (text !== '') this.starts[text.charCodeAt(0) & 0xff] = 1
    }
  }

  /** The token that a part of `split` is, if it is one. */
  token(part: string): AddedTokenEntry | undefined {
    return part.length > this.longest ? undefined : this.byText.get(part)
  }

  /** Tokens and the texts between them, without the white space that tokens take with them. */
  split(text: string): string[] {
    const parts: string[] = []
    let start = 0
    for (let i = 0; i < text.length; i++) {
      if (this.starts[text.charCodeAt(i) & 0xff] === 0) continue
      const length = this.lengthAt(text, i)
      if (length === 0) continue
      if (i > start) parts.push(text.slice(start, i))
      start = i + length
      parts.push(text.slice(i, start))
      i = start - 1
    }
    if (start < text.length) parts.push(start === 0 ? text : text.slice(start))
    if (parts.length > 1) this.strip(parts)
    return parts
  }

  private lengthAt(text: string, start: number): number {
    let length = 0
    let node = this.root.children.get(text.charCodeAt(start))
    for (let i = start + 1; node; i++) {
      if (node.length > 0) length = node.length
      node = i < text.length ? node.children.get(text.charCodeAt(i)) : undefined
    }
    return length
  }

  private strip(parts: string[]): void {
    for (let i = 0; i < parts.length; i++) {
      const token = this.token(parts[i] as string)
      if (token?.lstrip && i > 0) parts[i - 1] = (parts[i - 1] as string).trimEnd()
      if (token?.rstrip && i + 1 < parts.length) parts[i + 1] = (parts[i + 1] as string).trimStart()
    }
  }
}

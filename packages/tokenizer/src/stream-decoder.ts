import type { TokenPiece } from './token-pieces.js'

/** Where a stream decoder gets the pieces of tokens from. */
export interface PieceSource {
  /** The piece of a token, or undefined for an id to leave out. */
  piece(id: number): TokenPiece | undefined
  /** Spaces to take from the start of the text, at most. */
  readonly leadingSpaces: number
}

/**
 * Turns tokens into text one by one.
 *
 * A character whose bytes are spread over several tokens comes out with the last of them, whole.
 * All pushed texts and the flushed one, joined, are what `decode` gives for all tokens at once.
 */
export class StreamDecoder {
  private readonly utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  private spacesLeft: number

  constructor(private readonly source: PieceSource) {
    this.spacesLeft = source.leadingSpaces
  }

  /** The text that token `id` completes; often one word, '' in the middle of a character. */
  push(id: number): string {
    const piece = this.source.piece(id)
    if (piece === undefined) return ''
    if (typeof piece === 'string') return this.withoutLeadingSpaces(this.utf8.decode() + piece)
    return this.withoutLeadingSpaces(this.utf8.decode(piece, { stream: true }))
  }

  /**
   * Ends the text: U+FFFD if the last character was left unfinished, else ''. The decoder is then
   * ready for another text.
   */
  flush(): string {
    const rest = this.withoutLeadingSpaces(this.utf8.decode())
    this.spacesLeft = this.source.leadingSpaces
    return rest
  }

  private withoutLeadingSpaces(text: string): string {
    if (this.spacesLeft === 0 || text === '') return text
    let from = 0
    while (from < this.spacesLeft && text[from] === ' ') from++
    this.spacesLeft = from === text.length ? this.spacesLeft - from : 0
    return text.slice(from)
  }
}

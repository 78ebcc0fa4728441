import type { PieceSource } from './stream-decoder.js'

/** Where bytes are gathered; kept, since texts are short and many. Longer ones get room of their own. */
const usualRoom = new Uint8Array(65_536)
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** The text of tokens that are all there: what a stream decoder gives, with all bytes decoded at once. */
export function joinPieces(source: PieceSource, ids: Iterable<number>): string {
  let bytes = usualRoom
  let count = 0
  let text = ''
  // A list first: an iterable may join pieces itself, and there is one room.
  for (const id of Array.isArray(ids) ? ids : Array.from(ids)) {
    const piece = source.piece(id)
    if (piece === undefined) continue
    if (typeof piece === 'string') {
      if (count > 0) text += utf8.decode(bytes.subarray(0, count))
      count = 0
      text += piece
      continue
    }
    if (count + piece.length > bytes.length) bytes = enlarged(bytes, count + piece.length)
    // Faster than `set` for the few bytes of a token.
    for (let i = 0; i < piece.length; i++) bytes[count++] = piece[i] as number
  }
  if (count > 0) text += utf8.decode(bytes.subarray(0, count))
  return withoutLeadingSpaces(text, source.leadingSpaces)
}

function enlarged(bytes: Uint8Array, least: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(2 * bytes.length, least))
  larger.set(bytes)
  return larger
}

function withoutLeadingSpaces(text: string, most: number): string {
  let from = 0
  while (from < most && text[from] === ' ') from++
  return from === 0 ? text : text.slice(from)
}

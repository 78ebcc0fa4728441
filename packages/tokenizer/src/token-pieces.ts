import { FormatError } from '@llft/errors'
import { BYTE_CHARACTERS } from './byte-characters.js'
import type { DecoderEntry } from './definition.js'

/** What a token adds to the output: bytes of a text that may go on in the next token, or text. */
export type TokenPiece = Uint8Array | string

/** How tokens become text, read from "decoder" of tokenizer.json. */
export interface PieceRules {
  /** Byte-level BPE: each character of a token stands for one byte. */
  readonly byteLevel: boolean
  /** Tokens `<0x00>` to `<0xFF>` stand for one byte. */
  readonly byteFallback: boolean
  /** Text to replace in a token, such as U+2581 by a space. */
  readonly replacements: readonly (readonly [string, string])[]
  /** Spaces to take from the start of the whole text, at most. */
  readonly leadingSpaces: number
}

/**
 * @throws FormatError for a decoder that no model of the supported families has
 */
export function pieceRules(source: string, decoder: DecoderEntry | null): PieceRules {
  let byteLevel = false
  let byteFallback = false
  let leadingSpaces = 0
  const replacements: [string, string][] = []
  const refuse = (got: string): never => {
    throw new FormatError(
      `${source}: the decoder of tokenizer.json must be byte-level or byte-fallback; got ${got}.`,
    )
  }
  const parts = decoder?.type === 'Sequence' ? decoder.decoders : [decoder]
  const steps = Array.isArray(parts) ? (parts as readonly (DecoderEntry | null)[]) : [null]
  for (const step of steps) {
    if (step?.type === 'ByteLevel') byteLevel = true
    else if (step?.type === 'ByteFallback') byteFallback = true
    else if (step?.type === 'Metaspace') {
      replacements.push([step.replacement ?? '\u2581', ' '])
      leadingSpaces = step.prepend_scheme === 'never' || step.add_prefix_space === false ? 0 : 1
    } else if (step?.type === 'Replace' && step.pattern?.String !== undefined) {
      replacements.push([step.pattern.String, step.content ?? ''])
    } else if (step?.type === 'Strip' && step.content === ' ' && !step.stop) {
      leadingSpaces = step.start ?? 0
    } else if (step?.type !== 'Fuse') refuse(String(step?.type ?? 'none'))
  }
  return { byteLevel, byteFallback, replacements, leadingSpaces }
}

/** The piece of a token that is not an added one. */
export function tokenPiece(token: string, rules: PieceRules): TokenPiece {
  if (rules.byteLevel) return byteLevelPiece(token)
  const byte = rules.byteFallback ? /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1] : undefined
  if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16))
  let text = token
  for (const [from, to] of rules.replacements) text = text.replaceAll(from, to)
  return text
}

function byteLevelPiece(token: string): Uint8Array {
  const bytes: number[] = []
  for (const character of token) {
    const byte = BYTE_OF_CHARACTER.get(character)
    // A token that is not made of byte characters stands for itself.
    if (byte === undefined) return new TextEncoder().encode(token)
    bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}

const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  BYTE_CHARACTERS.map((character, byte) => [character, byte]),
)

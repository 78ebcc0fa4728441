import { BYTE_CHARACTERS } from '../byte-characters.js'

/** How a word becomes the symbols that merging starts from. */
export interface Alphabet {
  /**
   * Writes the symbols of `text` from `start` to `end`.
   * @param into with room for three symbols per UTF-16 unit
   * @returns how many they are
   */
  spell(text: string, start: number, end: number, into: Int32Array): number
  /** The word as the vocabulary writes it. */
  written(word: string): string
}

/** The symbol of a character, given as its code point. */
export type SymbolOf = (codePoint: number) => number

/** Each character is a symbol. */
export function characterAlphabet(symbolOf: SymbolOf): Alphabet {
  return {
    written: (word) => word,
    spell: (text, start, end, into) => {
      let count = 0
      for (let i = start; i < end; count++) {
        const codePoint = text.codePointAt(i) as number
        into[count] = symbolOf(codePoint)
        i += codePoint > 0xffff ? 2 : 1
      }
      return count
    },
  }
}

/** Each byte of UTF-8 is a symbol; the vocabulary writes bytes in GPT-2's characters. */
export function byteAlphabet(symbolOf: SymbolOf): Alphabet {
  const symbols = Int32Array.from(BYTE_CHARACTERS, (c) => symbolOf(c.codePointAt(0) as number))
  const utf8 = new TextEncoder()
  return {
    written: (word) => Array.from(utf8.encode(word), (byte) => BYTE_CHARACTERS[byte]).join(''),
    spell: (text, start, end, into) => {
      let count = 0
      const put = (byte: number) => {
        into[count++] = symbols[byte] as number
      }
      for (let i = start; i < end; i++) {
        let code = text.charCodeAt(i)
        if (code < 0x80) {
          put(code)
          continue
        }
        if (code >= 0xd800 && code < 0xe000) {
          code = text.codePointAt(i) as number
          // Half of a pair alone is no character; UTF-8 has U+FFFD for it.
          if (code > 0xffff) i++
          else code = 0xfffd
        }
        if (code < 0x800) put(0xc0 | (code >> 6))
        else {
          if (code < 0x10000) put(0xe0 | (code >> 12))
          else {
            put(0xf0 | (code >> 18))
            put(0x80 | ((code >> 12) & 0x3f))
          }
          put(0x80 | ((code >> 6) & 0x3f))
        }
        put(0x80 | (code & 0x3f))
      }
      return count
    },
  }
}

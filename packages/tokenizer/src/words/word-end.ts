import { after, classAt, LETTER, NEWLINE, NUMBER, OTHER, runEnd, SPACE } from './character-class.js'

/** Where the word that starts at `start` ends. */
export type WordEnd = (text: string, start: number) => number

const BLANK = 0x20
const APOSTROPHE = 0x27

/**
 * The words of GPT-2, as its expression (BYTE_LEVEL_WORDS in exact-splits.ts) finds them.
 * @param digitsAlone each number is a word of its own, cut out before the rest is split
 */
export function gpt2WordEnd(digitsAlone: boolean): WordEnd {
  return (text, start) => {
    const first = text.charCodeAt(start)
    if (first === APOSTROPHE) {
      const end = contractionEnd(text, start, 0)
      if (end > start) return end
    }
    const at = first === BLANK && start + 1 < text.length ? start + 1 : start
    const kind = classAt(text, at)
    if (kind === SPACE || kind === NEWLINE) return spacesEnd(text, start, digitsAlone)
    if (kind !== NUMBER || !digitsAlone) return runEnd(text, at, kind)
    return at > start ? at : after(text, at)
  }
}

/**
 * The words of Llama 3, Qwen 2 and GPT-4, as their expression (see known-words.ts) finds them.
 * @param digits numbers in a word, at most
 */
export function llama3WordEnd(digits: number): WordEnd {
  return (text, start) => {
    const first = text.charCodeAt(start)
    if (first === APOSTROPHE) {
      const end = contractionEnd(text, start, 0x20)
      if (end > start) return end
    }
    const kind = classAt(text, start)
    const next = after(text, start)
    if (kind === LETTER) return runEnd(text, next, LETTER)
    if (kind === NUMBER) return numbersEnd(text, start, digits)
    const nextKind = next < text.length ? classAt(text, next) : 0
    if (kind !== NEWLINE && nextKind === LETTER) return runEnd(text, next, LETTER)
    if (kind === OTHER || (first === BLANK && nextKind === OTHER)) {
      // Ends of lines belong to the signs before them.
      return runEnd(text, runEnd(text, next, OTHER), NEWLINE)
    }
    return linesEnd(text, start) ?? spacesEnd(text, start, false)
  }
}

/** @param fold 0x20 if capital letters count as well, else 0 */
function contractionEnd(text: string, start: number, fold: number): number {
  const letters = start + 2 < text.length ? text.charCodeAt(start + 2) | fold : 0
  switch (text.charCodeAt(start + 1) | fold) {
    case 0x73: // s
    case 0x74: // t
    case 0x6d: // m
    case 0x64: // d
      return start + 2
    case 0x72: // re
    case 0x76: // ve
      return letters === 0x65 ? start + 3 : start
    case 0x6c: // ll
      return letters === 0x6c ? start + 3 : start
    default:
      return start
  }
}

function numbersEnd(text: string, start: number, most: number): number {
  let end = start
  for (let i = 0; i < most && end < text.length && classAt(text, end) === NUMBER; i++) {
    end = after(text, end)
  }
  return end
}

/** White space up to the last end of a line in it, if there is one. */
function linesEnd(text: string, start: number): number | undefined {
  let end: number | undefined
  for (let i = start; i < text.length; i++) {
    const kind = classAt(text, i)
    if (kind === NEWLINE) end = i + 1
    else if (kind !== SPACE) break
  }
  return end
}

/** White space; the last of several is left to the word behind. */
function spacesEnd(text: string, start: number, digitsAlone: boolean): number {
  let end = start
  let kind = 0
  for (; end < text.length; end++) {
    kind = classAt(text, end)
    if (kind !== SPACE && kind !== NEWLINE) break
  }
  // Numbers that are cut out beforehand end the text for the words before them.
  const ended = end === text.length || (digitsAlone && kind === NUMBER)
  return ended || end - start === 1 ? end : end - 1
}

/** Classes of characters that patterns of pre-tokenizers tell apart; each is in exactly one. */
export const LETTER = 1
export const NUMBER = 2
/** White space but for the ends of lines. */
export const SPACE = 3
/** CR and LF. */
export const NEWLINE = 4
export const OTHER = 5

const BLOCK = 256

/** By code point; 0 is not known yet. Memory that is never touched is never taken. */
const classes = new Uint8Array(0x110000)

export function characterClass(codePoint: number): number {
  return classes[codePoint] || fillBlock(codePoint)
}

/** The class of the character at `index`, which may be half of a pair that stands alone. */
export function classAt(text: string, index: number): number {
  const unit = text.charCodeAt(index)
  const leads = (unit & 0xfc00) === 0xd800
  return characterClass(leads ? (text.codePointAt(index) as number) : unit)
}

/** Where the next character starts. */
export function after(text: string, index: number): number {
  const leads = (text.charCodeAt(index) & 0xfc00) === 0xd800
  return leads && (text.codePointAt(index) as number) > 0xffff ? index + 2 : index + 1
}

/** Where the characters of a class that start at `index` end. */
export function runEnd(text: string, index: number, kind: number): number {
  let end = index
  while (end < text.length && classAt(text, end) === kind) end = after(text, end)
  return end
}

/** Asks Unicode for a block of characters at once, and answers for one of them. */
function fillBlock(codePoint: number): number {
  const first = codePoint - (codePoint % BLOCK)
  for (let code = first; code < first + BLOCK; code++) classes[code] = unicodeClass(code)
  return classes[codePoint] as number
}

function unicodeClass(codePoint: number): number {
  const character = String.fromCodePoint(codePoint)
  if (/\p{L}/u.test(character)) return LETTER
  if (/\p{N}/u.test(character)) return NUMBER
  if (character === '\n' || character === '\r') return NEWLINE
  return /\p{White_Space}/u.test(character) ? SPACE : OTHER
}

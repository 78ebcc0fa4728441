// Text in columns of a terminal, where Chinese and other wide characters take two cells.

/** East Asian Wide and Fullwidth ranges (Unicode Standard Annex 11), as far as text is likely to hold them. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
]

function cells(character: string): number {
  const code = character.codePointAt(0)!
  if (/\p{M}|\p{Cf}/u.test(character)) return 0
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1
}

/** The terminal cells that a text takes. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += cells(character)
  return width
}

/** Pads with spaces to `width` cells. */
export function padCells(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

/** Breaks a text into lines of at most `width` cells: at spaces, or between any two wide characters. */
export function wrapCells(text: string, width: number): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) lines.push(...wrapLine(paragraph, width))
  return lines
}

function wrapLine(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const part of breakable(text, width)) {
    if (displayWidth(line) + displayWidth(part.trimEnd()) > width && line !== '') {
      lines.push(line.trimEnd())
      line = part.trimStart()
    } else line += part
  }
  lines.push(line.trimEnd())
  return lines
}

/** Words with the space that follows them, single wide characters, and words longer than a line in pieces. */
function breakable(text: string, width: number): string[] {
  const parts: string[] = []
  let word = ''
  const flush = (): void => {
    if (word !== '') parts.push(word)
    word = ''
  }
  for (const character of text) {
    if (cells(character) === 2) flush()
    word += character
    if (cells(character) === 2 || character === ' ' || displayWidth(word) >= width) flush()
  }
  flush()
  return parts
}

/** A text and what stands above it. */
export interface Column {
  readonly heading: string
  readonly text: string
}

/** Lays texts side by side under their headings, `width` cells in all. */
export function sideBySide(columns: readonly Column[], width: number): string[] {
  const gap = 3
  const each = Math.floor((width - gap * (columns.length - 1)) / columns.length)
  const wrapped = columns.map(({ heading, text }) => [heading, ...wrapCells(text, each)])
  const height = Math.max(...wrapped.map((lines) => lines.length))
  return Array.from({ length: height }, (_, row) =>
    wrapped
      .map((lines) => padCells(lines[row] ?? '', each))
      .join(' '.repeat(gap))
      .trimEnd(),
  )
}

const WHITE = /[ \t\n\r]*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

/**
 * Index of the first character at which `text` stops being JSON, or its length if it only ends too
 * early. Used once JSON.parse has refused the text, because its message does not always say where.
 */
export function jsonErrorIndex(text: string): number {
  const open: string[] = []
  let at = 0
  let expected: 'value' | 'key' | 'colon' | 'more' | 'first-key' | 'first-value' = 'value'
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    at += found?.[0].length ?? 0
    return found !== null
  }
  for (;;) {
    take(WHITE)
    const character = text[at]
    if (character === undefined) return at
    const closes = expected === 'more' || expected.startsWith('first')
    if (closes && character === open.at(-1)) {
      open.pop()
      at++
      expected = 'more'
    } else if (expected === 'more') {
      if (character !== ',' || open.length === 0) return at
      at++
      expected = open.at(-1) === '}' ? 'key' : 'value'
    } else if (expected === 'colon') {
      if (character !== ':') return at
      at++
      expected = 'value'
    } else if (expected === 'key' || expected === 'first-key') {
      if (!take(STRING)) return at
      expected = 'colon'
    } else if (character === '{' || character === '[') {
      open.push(character === '{' ? '}' : ']')
      at++
      expected = character === '{' ? 'first-key' : 'first-value'
    } else {
      if (!take(STRING) && !take(SCALAR)) return at
      expected = 'more'
    }
  }
}

/** Line and column of an index, both from 1, columns in characters. */
export function lineAndColumn(text: string, index: number): { line: number; column: number } {
  const before = text.slice(0, index)
  const lineStart = before.lastIndexOf('\n') + 1
  return {
    line: before.split('\n').length,
    column: [...before.slice(lineStart)].length + 1,
  }
}

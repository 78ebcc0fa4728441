import type { WordEnd } from './word-end.js'

/** What SentencePiece writes for a space. */
const SPACE_MARK = '\u2581'

/**
 * For models that merge a whole text as one word: words that begin with spaces, which give the same
 * tokens and can be remembered. Undefined for a model that merges across such a boundary.
 * @param merged what the merges of the model make
 */
export function spacedWordEnd(merged: Iterable<string>): WordEnd | undefined {
  for (const token of merged) {
    if (spaceAfterOther(token, 0) < token.length) return undefined
  }
  return spaceAfterOther
}

/** The first space mark behind another character, or the end. */
function spaceAfterOther(text: string, start: number): number {
  let at = start
  while (text[at] === SPACE_MARK) at++
  const end = text.indexOf(SPACE_MARK, at)
  return end < 0 || at === text.length ? text.length : end
}

/**
 * Marks text that must not be read as a special token.
 *
 * `<|im_end|>` typed by a user is text, but in a rendered chat template it looks like the end of the
 * turn. A mark inside the word keeps it from matching; it is taken out again behind the step that
 * looks for special tokens. The mark is a noncharacter of Unicode, which no text should hold; one
 * that it holds nevertheless is doubled, so nothing is lost.
 */
const MARK = '\uFDD0'

/** Keeps every mark of a text that was not guarded. */
export function escapeMarks(text: string): string {
  return text.includes(MARK) ? text.replaceAll(MARK, MARK + MARK) : text
}

/** Takes the marks of `guardText` out again. */
export function removeMarks(text: string): string {
  return text.includes(MARK) ? text.replace(/\uFDD0(\uFDD0?)/g, '$1') : text
}

/** Guards every special token in every text of a value, however deep. */
export class SpecialTextGuard {
  private readonly pattern: RegExp | undefined
  private readonly words: ReadonlySet<string>

  constructor(specialTokens: readonly string[]) {
    this.words = new Set(specialTokens)
    const words = [...specialTokens].filter((word) => word.length > 1)
    words.sort((a, b) => b.length - a.length)
    const escaped = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
    this.pattern = words.length > 0 ? new RegExp(escaped.join('|'), 'g') : undefined
  }

  guardText(text: string): string {
    const escaped = escapeMarks(text)
    if (!this.pattern) return escaped
    return escaped.replace(this.pattern, (word) => word[0] + MARK + word.slice(1))
  }

  guardValue(value: unknown): unknown {
    if (typeof value === 'string') return this.guardText(value)
    if (Array.isArray(value)) return value.map((item) => this.guardValue(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        // A role that is a special token itself is what a template may ask for.
        key === 'role' && this.words.has(item as string) ? item : this.guardValue(item),
      ]),
    )
  }
}

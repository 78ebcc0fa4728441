/** A value as it stands behind "got" in an error's text, cut to a readable length. */
export function shown(value: unknown, length = 80): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return `'${cut(value, length)}'`
  return cut(textOf(value), length)
}

function textOf(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  // JSON has no NaN, no infinity and no bigint.
  if (typeof value !== 'object' || value === null) return String(value)
  try {
    return JSON.stringify(value) ?? 'an object'
  } catch {
    return 'an object that JSON cannot write'
  }
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text
}

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
    return JSON.stringify(start(value, MAX_DEPTH)) ?? 'an object'
  } catch {
    return 'an object that JSON cannot write'
  }
}

/** More of a list or an object than a text shows, so that a huge one costs no more than a small one. */
const MAX_ITEMS = 40
const MAX_DEPTH = 4

function start(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.slice(0, 200)
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '...'
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => start(item, depth - 1))
  const shown: Record<string, unknown> = {}
  for (const key in value) {
    if (Object.keys(shown).length === MAX_ITEMS) break
    shown[key] = start((value as Record<string, unknown>)[key], depth - 1)
  }
  return shown
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text
}

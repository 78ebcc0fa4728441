import { DataError } from '@llft/errors'
import { type Source, sourceName } from './source.js'

/** A row that is known to be an object, with errors that say where it came from. */
export class Row {
  constructor(
    private readonly fields: Readonly<Record<string, unknown>>,
    readonly source: Source,
    /** Path inside the row, such as `messages[2].`, for error texts. */
    private readonly path = '',
  ) {}

  static from(value: unknown, source: Source, path = ''): Row {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const what = path === '' ? 'a row' : `"${path}"`
      throw new DataError(`${sourceName(source)}: ${what} must be an object; got ${kind(value)}.`)
    }
    return new Row(value as Record<string, unknown>, source, path === '' ? '' : `${path}.`)
  }

  get keys(): string[] {
    return Object.keys(this.fields)
  }

  get(name: string): unknown {
    return Object.hasOwn(this.fields, name) ? this.fields[name] : undefined
  }

  /** A text that must be there. */
  text(name: string): string {
    const value = this.get(name)
    if (typeof value !== 'string') return this.fail(name, 'a string', value)
    return value
  }

  /** A text that may be missing or null: ''. */
  optionalText(name: string): string {
    const value = this.get(name)
    return value === undefined || value === null ? '' : this.text(name)
  }

  /** A list that must be there and hold something. */
  list(name: string): unknown[] {
    const value = this.get(name)
    if (!Array.isArray(value)) return this.fail(name, 'a list', value)
    if (value.length === 0) {
      throw new DataError(`${this.where}: "${this.path}${name}" must hold something; got [].`)
    }
    return value
  }

  /** Objects of a list that must be there. */
  rows(name: string): Row[] {
    return this.list(name).map((item, i) =>
      Row.from(item, this.source, `${this.path}${name}[${i}]`),
    )
  }

  get where(): string {
    return sourceName(this.source)
  }

  fail(name: string, must: string, value: unknown): never {
    const known = value === undefined ? ` The row has ${list(this.keys)}.` : ''
    throw new DataError(
      `${this.where}: "${this.path}${name}" must be ${must}; got ${kind(value)}.${known}`,
    )
  }
}

function kind(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  const text = JSON.stringify(value) ?? String(value)
  return `${typeof value} ${text.length > 40 ? `${text.slice(0, 37)}...` : text}`
}

function list(keys: readonly string[]): string {
  return keys.length === 0 ? 'no fields' : `the fields ${keys.map((k) => `"${k}"`).join(', ')}`
}

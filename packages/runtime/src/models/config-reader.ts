import { ConfigError, shown } from '@llft/errors'

const MAX_SIZE = 2 ** 24
const MAX_POSITIONS = 2 ** 31 - 1
/** Of end tokens and the like. */
const MAX_LIST = 1000

type Json = Readonly<Record<string, unknown>>

/** Reads fields of a parsed JSON object and says which field is wrong. null counts as absent, as transformers has it. */
export class ConfigReader {
  /** @param where starts every message: the file, and the object within it. */
  constructor(
    readonly json: Json,
    readonly where: string,
  ) {}

  /** The same object with `value` for a field that is absent. */
  withDefault(key: string, value: unknown): ConfigReader {
    return this.has(key) ? this : new ConfigReader({ ...this.json, [key]: value }, this.where)
  }

  has(key: string): boolean {
    return this.json[key] !== undefined && this.json[key] !== null
  }

  /**
   * A whole number from `least` (default 1) to `most` (default 2^24, beyond any size of a model). Memory is taken by such
   * numbers, so none goes unbounded.
   */
  integer(key: string, fallback?: number, least = 1, most = MAX_SIZE): number {
    const value = this.value(key, fallback)
    const fits = Number.isSafeInteger(value) && (value as number) >= least
    if (fits && (value as number) <= most) return value as number
    return this.fail(key, `a whole number from ${least} to ${most}`)
  }

  /** A number of positions: some configurations say how long a text may be with very large numbers. */
  positions(key: string, fallback?: number): number {
    return this.integer(key, fallback, 1, MAX_POSITIONS)
  }

  /** A finite number; above 0 unless `sign` is 'any'. */
  number(key: string, fallback?: number, sign: 'positive' | 'any' = 'positive'): number {
    const value = this.value(key, fallback)
    const fits = typeof value === 'number' && Number.isFinite(value)
    if (fits && (sign === 'any' || value > 0)) return value
    return this.fail(key, sign === 'any' ? 'a number' : 'a number above 0')
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.value(key, fallback)
    return typeof value === 'boolean' ? value : this.fail(key, 'true or false')
  }

  string(key: string, fallback?: string): string {
    const value = this.value(key, fallback)
    return typeof value === 'string' ? value : this.fail(key, 'a string')
  }

  optionalString(key: string): string | undefined {
    return this.has(key) ? this.string(key) : undefined
  }

  optionalNumber(key: string): number | undefined {
    return this.has(key) ? this.number(key) : undefined
  }

  optionalInteger(key: string, least = 0): number | undefined {
    return this.has(key) ? this.integer(key, undefined, least) : undefined
  }

  /** `count` numbers above 0. */
  numbers(key: string, count: number): number[] {
    const value = this.json[key]
    const fits =
      Array.isArray(value) &&
      value.length === count &&
      value.every((item) => typeof item === 'number' && item > 0 && Number.isFinite(item))
    return fits ? value : this.fail(key, `a list of ${count} numbers above 0`)
  }

  /** A whole number or a list of them; [] where absent. */
  integers(key: string): number[] {
    const value = this.has(key) ? [this.json[key]].flat() : []
    const fits = value.length <= MAX_LIST && value.every((item) => Number.isSafeInteger(item))
    return fits ? (value as number[]) : this.fail(key, 'a whole number or a list of them')
  }

  /** An object within this one. */
  object(key: string): ConfigReader | undefined {
    if (!this.has(key)) return undefined
    const value = this.json[key]
    if (typeof value !== 'object' || Array.isArray(value)) return this.fail(key, 'an object')
    return new ConfigReader(value as Json, `${this.where}: ${key}`)
  }

  fail(key: string, rule: string): never {
    const got = this.has(key) ? shown(this.json[key], 100) : 'nothing'
    throw new ConfigError(`${this.where}: ${key} must be ${rule}; got ${got}.`)
  }

  private value(key: string, fallback: unknown): unknown {
    return this.has(key) ? this.json[key] : fallback
  }
}

import { closestName, FormatError, shown } from '@llft/errors'
import type { GgufValue } from './value.js'

/** Metadata of a file, read by key and kind. Integers of any width are numbers here. */
export class GgufMetadata implements Iterable<readonly [string, GgufValue]> {
  constructor(
    /** Names the file in errors. */
    readonly source: string,
    private readonly values: ReadonlyMap<string, GgufValue>,
  ) {}

  [Symbol.iterator](): Iterator<readonly [string, GgufValue]> {
    return this.values.entries()
  }

  get size(): number {
    return this.values.size
  }

  has(key: string): boolean {
    return this.values.has(key)
  }

  /** The value as it is stored. */
  get(key: string): GgufValue | undefined {
    return this.values.get(key)
  }

  /** @throws FormatError if there is none, or one of another kind; so for the others. */
  string(key: string): string {
    return this.required(key, 'a string', this.optionalString(key))
  }

  optionalString(key: string): string | undefined {
    const found = this.values.get(key)
    if (found === undefined) return undefined
    return found.type === 'string' ? found.value : this.refuse(key, 'a string', found)
  }

  /** A whole number from 0 up. */
  count(key: string): number {
    return this.required(key, 'a whole number', this.optionalCount(key))
  }

  optionalCount(key: string): number | undefined {
    const found = this.values.get(key)
    if (found === undefined) return undefined
    if (typeof found.value !== 'number' && typeof found.value !== 'bigint') {
      return this.refuse(key, 'a whole number', found)
    }
    const value = Number(found.value)
    const isCount = Number.isSafeInteger(value) && value >= 0
    return isCount ? value : this.refuse(key, 'a whole number', found)
  }

  number(key: string): number {
    return this.required(key, 'a number', this.optionalNumber(key))
  }

  optionalNumber(key: string): number | undefined {
    const found = this.values.get(key)
    if (found === undefined) return undefined
    const { value } = found
    return typeof value === 'number' ? value : this.refuse(key, 'a number', found)
  }

  optionalFlag(key: string): boolean | undefined {
    const found = this.values.get(key)
    if (found === undefined) return undefined
    return found.type === 'bool' ? found.value : this.refuse(key, 'true or false', found)
  }

  strings(key: string): readonly string[] {
    return this.required(key, 'a list of strings', this.optionalStrings(key))
  }

  optionalStrings(key: string): readonly string[] | undefined {
    const found = this.values.get(key)
    if (found === undefined) return undefined
    if (found.type === 'array' && found.element === 'string') return found.value
    return this.refuse(key, 'a list of strings', found)
  }

  /** Numbers of at most 32 bits. */
  optionalNumbers(key: string): ArrayLike<number> | undefined {
    const found = this.values.get(key)
    if (found === undefined) return undefined
    const { value } = found
    const isList = ArrayBuffer.isView(value)
    if (!isList || value instanceof BigInt64Array || value instanceof BigUint64Array) {
      return this.refuse(key, 'a list of numbers', found)
    }
    return value
  }

  private required<T>(key: string, kind: string, value: T | undefined): T {
    if (value !== undefined) return value
    const near = closestName(key, [...this.values.keys()])
    const fix = near === undefined ? '' : ` It has '${near}'.`
    throw new FormatError(`${this.source}: metadata ${key} must be ${kind}; got none.${fix}`)
  }

  private refuse(key: string, kind: string, found: GgufValue): never {
    const got =
      found.type === 'array'
        ? `a list of ${found.value.length} ${found.element}`
        : `${found.type} ${shown(typeof found.value === 'bigint' ? String(found.value) : found.value)}`
    throw new FormatError(`${this.source}: metadata ${key} must be ${kind}; got ${got}.`)
  }
}

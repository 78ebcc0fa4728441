import { readSync } from 'node:fs'
import { FormatError } from '@llft/errors'
import { LIMITS } from './limits.js'

/** Bytes that are read at once. */
const CHUNK_BYTES = 2 ** 20

/** Takes a header apart from its start on, reading no more of the file than it needs. Little endian. */
export class HeaderReader {
  #buffer = Buffer.alloc(0)
  /** Place in the file of the first byte of the buffer. */
  #start = 0
  #at = 0

  constructor(
    readonly path: string,
    private readonly descriptor: number,
    readonly fileBytes: number,
  ) {}

  /** Bytes taken so far. */
  get offset(): number {
    return this.#start + this.#at
  }

  /** Bytes of the file behind what was taken. */
  get left(): number {
    return this.fileBytes - this.offset
  }

  u32(what: string): number {
    return this.bytes(4, what).readUInt32LE()
  }

  /** A number that counts something in memory. */
  count(what: string, most: number): number {
    const value = this.bytes(8, what).readBigUInt64LE()
    if (value <= BigInt(most)) return Number(value)
    return this.fail(`${what} must be at most ${most}`, String(value))
  }

  /** @throws FormatError for text that is no UTF-8 */
  string(what: string, most: number): string {
    const length = this.count(`the length of ${what}`, most)
    const bytes = this.bytes(length, what)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      return this.fail(`${what} must be UTF-8`, `other bytes at ${this.offset - length}`)
    }
  }

  /** The next bytes, valid until more are taken. @throws FormatError if the file ends before */
  bytes(length: number, what: string): Buffer {
    if (length > this.left) {
      this.fail(
        `${what} must be ${length} bytes at ${this.offset}`,
        `the end of the file after ${this.left}`,
      )
    }
    if (this.offset + length > LIMITS.headerBytes) {
      this.fail(`the header must be at most ${LIMITS.headerBytes} bytes`, `more with ${what}`)
    }
    if (this.#at + length > this.#buffer.length) this.fill(length)
    this.#at += length
    return this.#buffer.subarray(this.#at - length, this.#at)
  }

  /** @throws FormatError always */
  fail(must: string, got: string): never {
    throw new FormatError(`${this.path}: ${must}; got ${got}.`)
  }

  private fill(length: number): void {
    const start = this.offset
    const buffer = Buffer.allocUnsafe(Math.min(Math.max(length, CHUNK_BYTES), this.left))
    let done = 0
    while (done < buffer.length) {
      const read = readSync(this.descriptor, buffer, done, buffer.length - done, start + done)
      if (read === 0) this.fail(`the file must keep its ${this.fileBytes} bytes`, `${start + done}`)
      done += read
    }
    this.#buffer = buffer
    this.#start = start
    this.#at = 0
  }
}

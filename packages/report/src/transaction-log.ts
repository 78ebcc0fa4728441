import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

const BLOCK_BYTES = 32768
const HEADER_BYTES = 7
/** Whether a record holds all of what was written, or its first, a middle or its last part. */
const PART = { full: 1, first: 2, middle: 3, last: 4 } as const

/**
 * A log in the framing of LevelDB (`doc/log_format.md`) as W&B writes it (`wandb/sdk/internal/datastore.py`): a header, and
 * CRC-32 of zlib for its checksums.
 */
export class TransactionLog {
  #at = 0
  #waiting: Uint8Array[] = []
  #writing: Promise<void> = Promise.resolve()

  private constructor(private readonly handle: FileHandle) {}

  static async create(path: string): Promise<TransactionLog> {
    const log = new TransactionLog(await open(path, 'wx'))
    // ':W&B', 0xbee1, version 0.
    log.put(Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0))
    await log.flush()
    return log
  }

  /** Adds an entry, in as many parts as blocks of the file want. */
  append(entry: Uint8Array): void {
    let [done, isFirst] = [0, true]
    do {
      const room = this.roomOfBlock()
      const part = entry.subarray(done, done + room)
      done += part.length
      const isLast = done === entry.length
      this.record(
        part,
        isFirst ? (isLast ? PART.full : PART.first) : isLast ? PART.last : PART.middle,
      )
      isFirst = false
    } while (done < entry.length)
  }

  /** Hands what waits to the system. */
  flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#writing = this.#writing.then(async () => {
      if (bytes.length > 0) await this.handle.appendFile(bytes)
    })
    return this.#writing
  }

  async close(): Promise<void> {
    await this.flush()
    await this.handle.close()
  }

  /** Bytes that a record of this block may hold; what is too little for one is filled with zeros. */
  private roomOfBlock(): number {
    const left = BLOCK_BYTES - (this.#at % BLOCK_BYTES)
    if (left >= HEADER_BYTES) return left - HEADER_BYTES
    this.put(new Uint8Array(left))
    return BLOCK_BYTES - HEADER_BYTES
  }

  private record(data: Uint8Array, type: number): void {
    const header = new Uint8Array(HEADER_BYTES)
    const view = new DataView(header.buffer)
    view.setUint32(0, crc32(data, crc32(Uint8Array.of(type))), true)
    view.setUint16(4, data.length, true)
    view.setUint8(6, type)
    this.put(header)
    this.put(data)
  }

  private put(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#at += bytes.length
  }
}

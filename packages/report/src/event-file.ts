import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { maskedCrc32c } from './crc32c.js'
import { ProtobufWriter } from './protobuf.js'

/** `SessionLog{status: START}`: what earlier files have from its step on is void. */
const SESSION_START = new ProtobufWriter().varint(1, 1)

export interface EventFileOptions {
  /** Step after which this part of a run goes on: TensorBoard drops what earlier files have beyond it. Default none. */
  readonly resumedAfter?: number | undefined
  /** The clock, in milliseconds since 1970. */
  readonly now?: (() => number) | undefined
}

/**
 * An event file of TensorBoard: records of TFRecord framing, each an `Event` of `event.proto`. Records are written whole, so a
 * process that is killed leaves a file that can be read.
 */
export class EventFile {
  #waiting: Uint8Array[] = []
  #writing: Promise<void> = Promise.resolve()

  private constructor(
    /** Absolute or as the folder was given. */
    readonly path: string,
    private readonly handle: FileHandle,
    private readonly now: () => number,
  ) {}

  /** Makes a new file in `folder`; TensorBoard reads those of a run together. */
  static async create(folder: string, options: EventFileOptions = {}): Promise<EventFile> {
    const { now = Date.now, resumedAfter } = options
    await mkdir(folder, { recursive: true })
    const [seconds, host] = [Math.floor(now() / 1000), hostname()]
    for (let count = 0; ; count++) {
      const path = join(folder, `events.out.tfevents.${seconds}.${host}.${process.pid}.${count}`)
      const handle = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return undefined
        throw error
      })
      if (handle === undefined) continue
      const file = new EventFile(path, handle, now)
      file.add((event) => event.text(3, 'brain.Event:2'))
      if (resumedAfter !== undefined)
        file.add((event) => event.varint(2, resumedAfter + 1).message(7, SESSION_START))
      await file.flush()
      return file
    }
  }

  scalar(tag: string, step: number, value: number): void {
    const summary = new ProtobufWriter().message(
      1,
      new ProtobufWriter().text(1, tag).float(2, value),
    )
    this.add((event) => event.varint(2, step).message(5, summary))
  }

  /** A text, which TensorBoard shows as Markdown. */
  text(tag: string, step: number, text: string): void {
    const plugin = new ProtobufWriter().message(1, new ProtobufWriter().text(1, 'text'))
    // A tensor of strings (type 7) with one element.
    const shape = new ProtobufWriter().message(2, new ProtobufWriter().varint(1, 1))
    const tensor = new ProtobufWriter().varint(1, 7).message(2, shape).text(8, text)
    const value = new ProtobufWriter().text(1, tag).message(8, tensor).message(9, plugin)
    const summary = new ProtobufWriter().message(1, value)
    this.add((event) => event.varint(2, step).message(5, summary))
  }

  /** Hands what waits to the system. */
  flush(): Promise<void> {
    const records = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#writing = this.#writing.then(async () => {
      if (records.length > 0) await this.handle.appendFile(records)
    })
    return this.#writing
  }

  async close(): Promise<void> {
    await this.flush()
    await this.handle.close()
  }

  /** An event with what `fill` gives it. */
  private add(fill: (event: ProtobufWriter) => ProtobufWriter): void {
    const event = new ProtobufWriter().double(1, this.now() / 1000)
    this.#waiting.push(record(fill(event).finish()))
  }
}

function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length + 4)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true)
  bytes.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc32c(data), true)
  return bytes
}

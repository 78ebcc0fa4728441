import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { FormatError } from '@llft/errors'
import { openRegular } from '@llft/input'
import {
  LENGTH_BYTES,
  parseHeader,
  parseHeaderLength,
  type SafetensorsHeader,
  type TensorInfo,
} from './header.js'

/** What tells two states of a file apart: another file, another size or a later change. */
interface FileStamp {
  readonly inode: bigint
  readonly size: bigint
  readonly changed: bigint
}

/**
 * Reads and checks the header of a safetensors file; no tensor data is read.
 * @throws FormatError if the file is missing or breaks the format
 */
export async function readHeader(path: string): Promise<SafetensorsHeader> {
  return (await SafetensorsFile.open(path)).header
}

/**
 * A safetensors file whose header was checked. It keeps no descriptor open, so there is nothing to
 * close; each read makes sure that the file is still the one that was checked.
 */
export class SafetensorsFile {
  private constructor(
    readonly header: SafetensorsHeader,
    private readonly stamp: FileStamp,
  ) {}

  /** @throws FormatError if the file is missing or breaks the format */
  static async open(path: string): Promise<SafetensorsFile> {
    return withFile(path, async (handle) => {
      const stamp = stampOf(await handle.stat({ bigint: true }))
      const fileBytes = Number(stamp.size)
      const first = await readBytes(handle, path, 0, Math.min(LENGTH_BYTES, fileBytes))
      const length = parseHeaderLength(path, first, fileBytes)
      const json = await readBytes(handle, path, LENGTH_BYTES, length)
      return new SafetensorsFile(parseHeader(path, json, fileBytes), stamp)
    })
  }

  get path(): string {
    return this.header.path
  }

  /** In the order in which the tensors lie in the file. */
  get tensors(): ReadonlyMap<string, TensorInfo> {
    return this.header.tensors
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.header.metadata
  }

  /** Whether the path still leads to the file that was opened, as it was then. */
  isSame(): boolean {
    const found = statSync(this.path, { bigint: true, throwIfNoEntry: false })
    return found !== undefined && isSameStamp(stampOf(found), this.stamp)
  }

  /**
   * For whoever has the file mapped: a file that took its place under its name does no harm, a change of its own does.
   * @throws FormatError if the file changed since it was opened
   */
  requireUnchanged(): void {
    const found = statSync(this.path, { bigint: true, throwIfNoEntry: false })
    if (found === undefined || found.ino !== this.stamp.inode) return
    if (isSameStamp(stampOf(found), this.stamp)) return
    const change = found.size === this.stamp.size ? 'other bytes' : `${found.size} bytes`
    throw new FormatError(
      `${this.path}: the file must stay as it was when it was loaded, ${this.stamp.size} bytes; got ${change} since. Load the model again, or with { mmap: false }.`,
    )
  }

  /**
   * The bytes of a tensor: row-major, little endian, in a buffer of their own.
   * @throws FormatError if there is no such tensor or the file changed since it was opened
   */
  async read(name: string): Promise<Uint8Array> {
    const { byteOffset, byteLength } = this.tensor(name)
    return withFile(this.path, async (handle) => {
      this.requireStamp(stampOf(await handle.stat({ bigint: true })))
      return readBytes(handle, this.path, byteOffset, byteLength)
    })
  }

  /** The same at once, for what cannot wait: the event loop stands still meanwhile. */
  readSync(name: string): Uint8Array {
    const { byteOffset, byteLength } = this.tensor(name)
    if (!this.isSame()) throw this.changed()
    const descriptor = openSync(this.path, 'r')
    try {
      this.requireStamp(stampOf(fstatSync(descriptor, { bigint: true })))
      return readBytesSync(descriptor, this.path, byteOffset, byteLength)
    } finally {
      closeSync(descriptor)
    }
  }

  private tensor(name: string): TensorInfo {
    const tensor = this.tensors.get(name)
    if (tensor !== undefined) return tensor
    throw new FormatError(`${this.path}: tensor "${name}" must exist; got no such name.`)
  }

  private requireStamp(now: FileStamp): void {
    if (!isSameStamp(now, this.stamp)) throw this.changed()
  }

  private changed(): FormatError {
    return new FormatError(
      `${this.path}: the file must stay as it was when it was opened; got a change since. Open it again.`,
    )
  }
}

async function withFile<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await openRegular(path)
  try {
    return await work(handle)
  } finally {
    await handle.close()
  }
}

function stampOf({ ino, size, mtimeNs }: BigIntStats): FileStamp {
  return { inode: ino, size, changed: mtimeNs }
}

function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.inode === b.inode && a.size === b.size && a.changed === b.changed
}

/** One system call reads at most 2 GiB, so a larger range takes several. */
const MAX_READ_BYTES = 1 << 30

async function readBytes(handle: FileHandle, path: string, from: number, length: number) {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const most = Math.min(length - done, MAX_READ_BYTES)
    const { bytesRead } = await handle.read(bytes, done, most, from + done)
    if (bytesRead === 0) throw endsEarly(path, { from, length, done })
    done += bytesRead
  }
  return bytes
}

function readBytesSync(descriptor: number, path: string, from: number, length: number) {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const most = Math.min(length - done, MAX_READ_BYTES)
    const bytesRead = readSync(descriptor, bytes, done, most, from + done)
    if (bytesRead === 0) throw endsEarly(path, { from, length, done })
    done += bytesRead
  }
  return bytes
}

function endsEarly(
  path: string,
  { from, length, done }: { from: number; length: number; done: number },
): FormatError {
  return new FormatError(
    `${path}: ${length} bytes must lie at byte ${from}; got ${done}, ${length - done} bytes are missing.`,
  )
}

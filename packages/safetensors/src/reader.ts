import { statSync } from 'node:fs'
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
      const stamp = await stampOf(handle)
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
    if (found === undefined) return false
    const { inode, size, changed } = this.stamp
    return found.ino === inode && found.size === size && found.mtimeNs === changed
  }

  /**
   * For whoever has the file mapped: a file that took its place under its name does no harm, a change of its own does.
   * @throws FormatError if the file changed since it was opened
   */
  requireUnchanged(): void {
    const found = statSync(this.path, { bigint: true, throwIfNoEntry: false })
    if (found === undefined || found.ino !== this.stamp.inode) return
    if (found.size === this.stamp.size && found.mtimeNs === this.stamp.changed) return
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
    const tensor = this.tensors.get(name)
    if (!tensor) {
      throw new FormatError(`${this.path}: tensor "${name}" must exist; got no such name.`)
    }
    return withFile(this.path, async (handle) => {
      const now = await stampOf(handle)
      const same =
        now.inode === this.stamp.inode &&
        now.size === this.stamp.size &&
        now.changed === this.stamp.changed
      if (!same) {
        throw new FormatError(
          `${this.path}: the file must stay as it was when it was opened; got a change since. Open it again.`,
        )
      }
      return readBytes(handle, this.path, tensor.byteOffset, tensor.byteLength)
    })
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

async function stampOf(handle: FileHandle): Promise<FileStamp> {
  const { ino, size, mtimeNs } = await handle.stat({ bigint: true })
  return { inode: ino, size, changed: mtimeNs }
}

/** One system call reads at most 2 GiB, so a larger range takes several. */
const MAX_READ_BYTES = 1 << 30

async function readBytes(handle: FileHandle, path: string, from: number, length: number) {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(
      bytes,
      done,
      Math.min(length - done, MAX_READ_BYTES),
      from + done,
    )
    if (bytesRead === 0) {
      throw new FormatError(
        `${path}: ${length} bytes must lie at byte ${from}; got ${done}, ${length - done} bytes are missing.`,
      )
    }
    done += bytesRead
  }
  return bytes
}

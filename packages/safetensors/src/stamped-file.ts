import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { FormatError } from '@llft/errors'
import { openRegular } from '@llft/input'

/** What tells two states of a file apart: another file, another size or a later change. */
export interface FileStamp {
  readonly inode: bigint
  readonly size: bigint
  readonly changed: bigint
}

/** A regular file that is open for the time of `work`, with its stamp. */
export async function withFile<T>(
  path: string,
  work: (handle: FileHandle, stamp: FileStamp) => Promise<T>,
): Promise<T> {
  const handle = await openRegular(path)
  try {
    return await work(handle, stampOf(await handle.stat({ bigint: true })))
  } finally {
    await handle.close()
  }
}

/**
 * A file whose header was checked. It keeps no descriptor open, so there is nothing to close; each read makes sure that the
 * file is still the one that was checked.
 */
export class StampedFile {
  constructor(
    readonly path: string,
    private readonly stamp: FileStamp,
  ) {}

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

  /** @throws FormatError if the file changed since it was opened */
  protected readRange(from: number, length: number): Promise<Uint8Array> {
    return withFile(this.path, async (handle, stamp) => {
      this.requireStamp(stamp)
      return readBytes(handle, this.path, from, length)
    })
  }

  /** The same at once, for what cannot wait: the event loop stands still meanwhile. */
  protected readRangeSync(from: number, length: number): Uint8Array {
    if (!this.isSame()) throw this.changed()
    const descriptor = openSync(this.path, 'r')
    try {
      this.requireStamp(stampOf(fstatSync(descriptor, { bigint: true })))
      return readBytesSync(descriptor, this.path, from, length)
    } finally {
      closeSync(descriptor)
    }
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

function stampOf({ ino, size, mtimeNs }: BigIntStats): FileStamp {
  return { inode: ino, size, changed: mtimeNs }
}

function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.inode === b.inode && a.size === b.size && a.changed === b.changed
}

/** One system call reads at most 2 GiB, so a larger range takes several. */
const MAX_READ_BYTES = 1 << 30

export async function readBytes(handle: FileHandle, path: string, from: number, length: number) {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const most = Math.min(length - done, MAX_READ_BYTES)
    const { bytesRead } = await handle.read(bytes, done, most, from + done)
    if (bytesRead === 0) throw endsEarly(path, { from, length, done })
    done += bytesRead
  }
  return bytes
}

export function readBytesSync(descriptor: number, path: string, from: number, length: number) {
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

import { randomBytes } from 'node:crypto'
import { fsync } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const fsyncOf = promisify(fsync)

/** Puts what was written to a file on the disk: `FileHandle.sync`, which Yarn's Plug'n'Play does not have. */
export function flush({ fd }: FileHandle): Promise<void> {
  return fsyncOf(fd)
}

/**
 * A file that appears under its name only when it is whole.
 *
 * It is written under a temporary name in the same folder and renamed by `commit`, so a crash or a
 * full disk leaves the old file as it was, and a process that has the old file mapped keeps it. The
 * new file has the mode of the old one. A symbolic link is replaced, and what it leads to left alone.
 */
export class AtomicFile {
  private constructor(
    readonly path: string,
    private readonly temporary: string,
    private handle: FileHandle | undefined,
  ) {}

  static async create(path: string): Promise<AtomicFile> {
    const suffix = `${process.pid}-${randomBytes(6).toString('hex')}`
    const temporary = join(dirname(path), `.${basename(path)}.${suffix}.tmp`)
    const handle = await open(temporary, 'wx')
    const old = await lstat(path).catch(() => undefined)
    // A file system without modes says no; the file is none the worse for it.
    if (old?.isFile()) await handle.chmod(old.mode & 0o777).catch(() => undefined)
    return new AtomicFile(path, temporary, handle)
  }

  /** Appends all of `bytes`. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.handle) throw new Error(`${this.path} is already finished`)
    let done = 0
    while (done < bytes.length) {
      const { bytesWritten } = await this.handle.write(bytes, done, chunk(bytes.length - done))
      done += bytesWritten
    }
  }

  /** Puts what was written on the disk and closes the temporary file. */
  async finish(): Promise<void> {
    if (this.handle) await flush(this.handle)
    await this.close()
  }

  /** Gives the finished file its name, in place of the one that bore it. */
  async commit(): Promise<void> {
    await rename(this.temporary, this.path)
    await syncFolder(dirname(this.path))
  }

  /** Takes back what was not committed. Never throws: it runs while another error is on its way. */
  async discard(): Promise<void> {
    await this.close().catch(() => {})
    await rm(this.temporary, { force: true }).catch(() => {})
  }

  private async close(): Promise<void> {
    const handle = this.handle
    this.handle = undefined
    await handle?.close()
  }
}

/** Id of the process that began the file of this name and never gave it its own; undefined for any other file. */
export function leftoverOf(name: string): number | undefined {
  const pid = /^\..+\.(\d+)-[0-9a-f]{12}\.tmp$/.exec(name)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

/** Writes a small file atomically. */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const file = await stageContent(path, content)
  try {
    await file.commit()
  } catch (error) {
    await file.discard()
    throw error
  }
}

/** Writes a small file under its temporary name, ready to be committed. */
export async function stageContent(
  path: string,
  content: string | Uint8Array,
): Promise<AtomicFile> {
  const file = await AtomicFile.create(path)
  try {
    await file.write(typeof content === 'string' ? new TextEncoder().encode(content) : content)
    await file.finish()
    return file
  } catch (error) {
    await file.discard()
    throw error
  }
}

/** One system call writes at most 2 GiB. */
function chunk(bytes: number): number {
  return Math.min(bytes, 1 << 30)
}

/** A rename survives a power loss only once its folder is on the disk too. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folder and needs no such call.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await flush(handle)
  } finally {
    await handle.close()
  }
}

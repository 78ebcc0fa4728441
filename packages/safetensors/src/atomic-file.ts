import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * A file that appears under its name only when it is whole.
 *
 * It is written under a temporary name in the same folder and renamed by `commit`, so a crash or a
 * full disk leaves the old file as it was, and a process that has the old file mapped keeps it.
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
    return new AtomicFile(path, temporary, await open(temporary, 'wx'))
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
    await this.handle?.sync()
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

/** Writes a small file atomically. */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const file = await AtomicFile.create(path)
  try {
    await file.write(typeof content === 'string' ? new TextEncoder().encode(content) : content)
    await file.finish()
    await file.commit()
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
async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folder and needs no such call.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

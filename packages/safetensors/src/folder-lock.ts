import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '@llft/errors'
import { isAlive } from './process-alive.js'

export const LOCK_FILE = '.llft.lock'

/** How often a holder shows that it lives, and after how long without that one of another machine is taken for dead. */
const HEARTBEAT_MS = 20_000
const STALE_MS = 120_000
/** How long a lock without words may be one that is just being written. */
const WRITING_MS = 5_000

interface Holder {
  readonly pid: number
  readonly host: string
}

/** Keeps others from writing to a folder: a file in it with the id of the process that does. */
export class FolderLock {
  private constructor(
    private readonly path: string,
    private readonly heartbeat: NodeJS.Timeout,
  ) {}

  /** @throws ConfigError if a process that lives has it; that of a dead one is taken over. */
  static async acquire(folder: string, where: string): Promise<FolderLock> {
    const path = join(folder, LOCK_FILE)
    const holder: Holder = { pid: process.pid, host: hostname() }
    for (;;) {
      const taken = await create(path, holder)
      if (taken) break
      const other = await readHolder(path)
      if (await isHeld(other, path)) {
        const name =
          other === undefined ? 'another process' : `process ${other.pid} on ${other.host}`
        throw new ConfigError(
          `${where}: must be written by one run at a time; got '${folder}', which ${name} writes to. Choose another folder, wait, or remove ${path} if that process is gone.`,
        )
      }
      await takeAway(path)
    }
    const beat = () => utimes(path, new Date(), new Date()).catch(() => undefined)
    return new FolderLock(path, setInterval(beat, HEARTBEAT_MS).unref())
  }

  async release(): Promise<void> {
    clearInterval(this.heartbeat)
    await rm(this.path, { force: true }).catch(() => undefined)
  }
}

async function create(path: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(path, `${JSON.stringify(holder)}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Who has the lock; undefined where its file is gone or not yet written. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder
    return Number.isSafeInteger(holder.pid) && typeof holder.host === 'string' ? holder : undefined
  } catch {
    return undefined
  }
}

async function isHeld(holder: Holder | undefined, path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return false
  const age = Date.now() - found.mtimeMs
  if (holder === undefined) return age < WRITING_MS
  if (holder.host === hostname() && !isAlive(holder.pid)) return false
  // A process id says nothing on another machine, and may have been given again after a restart of this one.
  return age < STALE_MS
}

/** Two that find the same stale lock must not both take it: only one can rename it. */
async function takeAway(path: string): Promise<void> {
  const aside = `${path}.${process.pid}-stale`
  await rename(path, aside).then(
    () => rm(aside, { force: true }),
    () => undefined,
  )
}

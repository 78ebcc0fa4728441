import { randomBytes } from 'node:crypto'
import { link, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
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
const RETRY_MS = 20
/** What systems say that have no hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES']

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
    while (!(await create(path, holder))) {
      const other = await heldBy(path)
      if (other !== undefined) {
        throw new ConfigError(
          `${where}: must be written by one run at a time; got '${folder}', which ${other} writes to. Choose another folder, wait, or remove ${path} if that process is gone.`,
        )
      }
      await removeStale(path)
    }
    const beat = () => utimes(path, new Date(), new Date()).catch(() => undefined)
    return new FolderLock(path, setInterval(beat, HEARTBEAT_MS).unref())
  }

  async release(): Promise<void> {
    clearInterval(this.heartbeat)
    await rm(this.path, { force: true }).catch(() => undefined)
  }
}

/** A lock appears with its words in it, so that a process that is killed meanwhile leaves none that says nothing. */
async function create(path: string, holder: Holder): Promise<boolean> {
  const text = `${JSON.stringify(holder)}\n`
  const draft = `${path}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeFile(draft, text, { flag: 'wx' })
    await link(draft, path)
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (NO_LINKS.includes(code)) return createInPlace(path, text)
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** For file systems without links. */
async function createInPlace(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Who has the lock, in words; undefined where nobody that lives has. */
async function heldBy(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return undefined
  const age = Date.now() - found.mtimeMs
  const holder = holderOf(await readFile(path, 'utf8').catch(() => ''))
  if (holder === undefined) return age < WRITING_MS ? 'another process' : undefined
  const { pid, host } = holder
  if (host === hostname() && !isAlive(pid)) return undefined
  // A process id says nothing on another machine, and may have been given again after a restart of this one.
  return age < STALE_MS ? `process ${pid} on ${host}` : undefined
}

/** Undefined for a lock that is not yet written. */
function holderOf(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder
    return Number.isSafeInteger(holder.pid) && typeof holder.host === 'string' ? holder : undefined
  } catch {
    return undefined
  }
}

/**
 * Removes a lock of nobody. Another that found it so may have taken it meanwhile, so it is looked at again, under a lock
 * of its own: only who has that removes any.
 */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.removal`
  const hasGuard = await writeFile(guard, '', { flag: 'wx' }).then(
    () => true,
    () => false,
  )
  if (!hasGuard) {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    const found = await stat(guard).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > WRITING_MS) await rm(guard, { force: true })
    return
  }
  try {
    if ((await heldBy(path)) === undefined) await rm(path, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}

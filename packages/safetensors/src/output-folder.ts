import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, realpath, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ConfigError, LlftError } from '@llft/errors'
import { type AtomicFile, leftoverOf, writeFileAtomic } from './atomic-file.js'
import { FolderLock } from './folder-lock.js'
import { isAlive } from './process-alive.js'

/** What may be written to a folder. */
export interface OutputRules {
  /** Starts every message, such as 'loraTrain.output'. */
  readonly where: string
  /** Names of the files to be written. */
  readonly files: readonly string[]
  /** Whether what lies in the folder, by its names, was written by LLFT and may be replaced. */
  readonly isOurs: (folder: string, names: readonly string[]) => Promise<boolean>
  /** Replaces files of those names in a folder that is not ours. Default false: it is refused. */
  readonly overwrite?: boolean | undefined
}

/**
 * A folder that takes the files of a result. It exists, is this process's alone, and has taken a file in the way in which
 * the result will come; what is in it stays until `replace`, and the folder itself keeps its inode, owner and mode.
 */
export class OutputFolder {
  private constructor(
    /** Without symbolic links. */
    readonly path: string,
    private readonly madeFrom: string | undefined,
    private readonly lock: FolderLock,
  ) {}

  /**
   * @throws ConfigError for what is not a folder that takes files, for one that another run writes to, and for one with
   *   files of others.
   */
  static async prepare(folder: string, rules: OutputRules): Promise<OutputFolder> {
    const made = await tried(folder, rules, () => mkdir(resolve(folder), { recursive: true }))
    try {
      const path = await tried(folder, rules, () => realpath(folder))
      const lock = await tried(folder, rules, () => FolderLock.acquire(path, rules.where))
      const output = new OutputFolder(path, made, lock)
      try {
        await tried(folder, rules, () => output.check(folder, rules))
        return output
      } catch (error) {
        await output.release()
        throw error
      }
    } catch (error) {
      await removeEmpty(resolve(folder), made)
      throw error
    }
  }

  /**
   * Puts files in place of those of their names, in the given order, once all are written and flushed: if one cannot be,
   * the folder stays as it was.
   */
  async replace(stage: () => AsyncIterable<AtomicFile>): Promise<void> {
    const files: AtomicFile[] = []
    try {
      for await (const file of stage()) files.push(file)
      for (const file of files) await file.commit()
    } catch (error) {
      for (const file of files) await file.discard()
      throw error
    }
  }

  /** Lets others write to it. A folder that was made for a result that did not come is removed. */
  async release(): Promise<void> {
    await this.lock.release()
    await removeEmpty(this.path, this.madeFrom)
  }

  private async check(folder: string, rules: OutputRules): Promise<void> {
    await removeLeftovers(this.path)
    const names = (await readdir(this.path)).filter(isVisible)
    const { where, files, isOurs, overwrite = false } = rules
    if (!overwrite && names.length > 0 && !(await isOurs(this.path, names))) {
      throw new ConfigError(
        `${where}: must be an empty or new folder, or one that LLFT wrote; got '${folder}', which holds ${listed(names)}. Choose another, or set overwrite: true to replace ${files.slice(0, 3).join(', ')} in it.`,
      )
    }
    for (const name of files) await requireReplaceable(join(this.path, name), where)
    const probe = join(this.path, `.llft-probe-${randomBytes(6).toString('hex')}`)
    await writeFileAtomic(probe, 'probe')
    await rm(probe)
  }
}

async function tried<T>(
  folder: string,
  { where }: OutputRules,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof LlftError) throw error
    const { message } = error as Error
    throw new ConfigError(
      `${where}: must be a folder that files can be written to; got '${folder}' (${message}).`,
      { cause: error },
    )
  }
}

/** Hidden files are the system's and the tools' that share the folder; a fresh file system has a lost+found. */
function isVisible(name: string): boolean {
  return !name.startsWith('.') && name !== 'lost+found'
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 4).map((name) => `'${name}'`)
  return names.length > 4 ? `${shown.join(', ')} and ${names.length - 4} more` : shown.join(', ')
}

async function requireReplaceable(path: string, where: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || found.isFile()) return
  const kind = found.isDirectory() ? 'a folder' : 'a special file'
  throw new ConfigError(`${where}: '${path}' must be a file or missing; got ${kind}. Remove it.`)
}

/** Files that a process which was killed had begun. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = leftoverOf(name)
    if (pid !== undefined && !isAlive(pid)) await rm(join(folder, name), { force: true })
  }
}

/** Removes `path` and its parents up to `first`, the outermost one that was made, while they are empty. */
async function removeEmpty(path: string, first: string | undefined): Promise<void> {
  if (first === undefined) return
  const outermost = resolve(first)
  for (let at = path; at.startsWith(outermost); at = dirname(at)) {
    const removed = await rmdir(at).then(
      () => true,
      () => false,
    )
    if (!removed) return
  }
}

/** Whether two paths lead to one folder, whatever links are on the way. */
export async function isSameFolder(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([identityOf(a), identityOf(b)])
  return first !== undefined && first === second
}

async function identityOf(path: string): Promise<string | undefined> {
  const found = await lstat(await realpath(path).catch(() => path), { bigint: true }).catch(
    () => undefined,
  )
  return found && `${found.dev}:${found.ino}`
}

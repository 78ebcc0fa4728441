import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, FormatError, LlftError, type Warnings } from '@llft/errors'
import { FolderLock, isAlive } from '@llft/safetensors'
import { damageOf } from './manifest.js'

/** A checkpoint in its folder. */
export interface StoredCheckpoint {
  readonly step: number
  /** Absolute path. */
  readonly folder: string
}

/** The checkpoints of `folder` by their names, the newest first; whether they are whole is not looked at. */
export async function listCheckpoints(folder: string): Promise<StoredCheckpoint[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names
    .map((name) => ({ step: stepOf(name), folder: resolve(folder, name) }))
    .filter((found): found is StoredCheckpoint => found.step !== undefined)
    .sort((a, b) => b.step - a.step)
}

/**
 * The newest checkpoint of `folder` of which every byte is as it was written; a warning tells of each that is not.
 *
 * @returns undefined where there is none
 * @throws FormatError where there are some and none is whole.
 */
export async function latestCheckpoint(
  folder: string,
  warnings: Warnings,
): Promise<StoredCheckpoint | undefined> {
  const found = await listCheckpoints(folder)
  for (const checkpoint of found) {
    const damage = await damageOf(checkpoint.folder, checkpoint.step)
    if (damage === undefined) return checkpoint
    warnings.add(
      'WARN_LLFT_CHECKPOINT_DAMAGED',
      `${checkpoint.folder} is damaged (${damage}); the one before it is used.`,
      'Look after the disk; the folder can be removed.',
    )
  }
  if (found.length === 0) return undefined
  throw new FormatError(
    `${folder}: a checkpoint must be whole; got ${found.length} damaged ones. Begin the run anew.`,
  )
}

/** The folder of the checkpoints of a run, locked while the run writes to it. */
export class CheckpointFolder {
  private constructor(
    readonly path: string,
    private readonly lock: FolderLock,
  ) {}

  /** @throws ConfigError if another run writes to it, or nothing can be written. */
  static async open(folder: string, where: string): Promise<CheckpointFolder> {
    const path = resolve(folder)
    try {
      await mkdir(path, { recursive: true })
      const opened = new CheckpointFolder(path, await FolderLock.acquire(path, where))
      await opened.removeLeftovers()
      return opened
    } catch (error) {
      if (error instanceof LlftError) throw error
      throw new ConfigError(
        `${where}: must be a folder that files can be written to; got '${folder}' (${(error as Error).message}).`,
        { cause: error },
      )
    }
  }

  list(): Promise<StoredCheckpoint[]> {
    return listCheckpoints(this.path)
  }

  pathOf(step: number): string {
    return join(this.path, `step-${step}`)
  }

  /** A hidden folder beside the checkpoints, in which one is made or taken apart. */
  temporary(step: number): string {
    return join(this.path, `.step-${step}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`)
  }

  /** Removes a checkpoint: a process that is killed meanwhile leaves none that is in parts. */
  async remove({ step, folder }: StoredCheckpoint): Promise<void> {
    const doomed = this.temporary(step)
    await rename(folder, doomed)
    await rm(doomed, { recursive: true, force: true })
  }

  release(): Promise<void> {
    return this.lock.release()
  }

  /** What processes left that were killed. */
  private async removeLeftovers(): Promise<void> {
    for (const name of await readdir(this.path)) {
      const pid = /^\..+\.(\d+)-[0-9a-f]{12}\.tmp$/.exec(name)?.[1]
      if (pid === undefined) continue
      if (Number(pid) === process.pid || isAlive(Number(pid))) continue
      await rm(join(this.path, name), { recursive: true, force: true })
    }
  }
}

function stepOf(name: string): number | undefined {
  const digits = /^step-(\d{1,15})$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

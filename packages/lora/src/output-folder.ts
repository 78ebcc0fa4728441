import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ConfigError } from '@llft/errors'
import { writeFileAtomic } from '@llft/safetensors'

/**
 * Makes sure, before hours of work, that `folder` exists and takes files.
 *
 * @returns a function that removes the folders made for it, as far as they are still empty
 * @throws ConfigError that says what the system said.
 */
export async function prepareOutput(folder: string): Promise<() => Promise<void>> {
  const path = resolve(folder)
  try {
    const first = await mkdir(path, { recursive: true })
    const probe = join(path, `.llft-probe-${randomBytes(6).toString('hex')}`)
    await writeFileAtomic(probe, 'probe')
    await rm(probe)
    return () => removeEmpty(path, first)
  } catch (error) {
    throw new ConfigError(
      `output: must be a folder that files can be written to; got '${folder}' (${(error as Error).message}).`,
    )
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

/**
 * Fills `folder` with the files that `write` makes: all are written and flushed beside it first, then moved in, in the
 * order of `order` and the rest before them. A folder that does not exist yet appears with everything in it.
 *
 * @throws ConfigError if the folder cannot be written.
 */
export async function writeFolderAtomic(
  folder: string,
  order: readonly string[],
  write: (staging: string) => Promise<void>,
): Promise<void> {
  const target = resolve(folder)
  const staging = await makeStaging(target)
  try {
    await write(staging)
    if (await moveWhole(staging, target)) return
    const names = await readdir(staging)
    const last = (name: string) => order.indexOf(name)
    for (const name of names.sort((a, b) => last(a) - last(b))) {
      await rename(join(staging, name), join(target, name))
    }
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

async function makeStaging(target: string): Promise<string> {
  const parent = dirname(target)
  try {
    await mkdir(parent, { recursive: true })
    return await mkdtemp(join(parent, `.${basename(target)}-`))
  } catch (error) {
    throw new ConfigError(
      `output: must be a folder that files can be written to; got '${target}' (${(error as Error).message}).`,
    )
  }
}

/** Renames the folder as one, which works where the target is missing or, on most systems, empty. */
async function moveWhole(staging: string, target: string): Promise<boolean> {
  try {
    await rename(staging, target)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EPERM') return false
    if (code === 'ENOTDIR') {
      throw new ConfigError(`output: must be a folder; got '${target}', which is a file.`)
    }
    throw error
  }
}

import { spawnSync } from 'node:child_process'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isSameFolder, OutputFolder, type OutputRules, stageContent } from '../src/index.js'

let work: string

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-output-'))
})

afterEach(async () => {
  await rm(work, { recursive: true, force: true })
})

function rules(more: Partial<OutputRules> = {}): OutputRules {
  return {
    where: 'test.output',
    files: ['weights', 'manifest'],
    isOurs: async (_, names) => names.every((name) => ['weights', 'manifest'].includes(name)),
    ...more,
  }
}

async function write(folder: string, text: string, more: Partial<OutputRules> = {}): Promise<void> {
  const output = await OutputFolder.prepare(folder, rules(more))
  try {
    await output.replace(async function* () {
      yield await stageContent(join(output.path, 'weights'), `weights ${text}`)
      yield await stageContent(join(output.path, 'manifest'), `manifest ${text}`)
    })
  } finally {
    await output.release()
  }
}

/** The id of a process that was and is no more. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid as number
}

describe('an output folder', () => {
  it('is made with its parents, filled, and left without a trace of the work', async () => {
    const folder = join(work, 'a', 'b')
    await write(folder, 'one')
    expect((await readdir(folder)).sort()).toEqual(['manifest', 'weights'])
    expect(await readFile(join(folder, 'manifest'), 'utf8')).toBe('manifest one')
  })

  it('goes again, with the parents made for it, if nothing was written', async () => {
    const output = await OutputFolder.prepare(join(work, 'a', 'b'), rules())
    expect(await readdir(join(work, 'a', 'b'))).toEqual(['.llft.lock'])
    await output.release()
    expect(await readdir(work)).toEqual([])
  })

  it('keeps inode and mode, and the modes of the files', async () => {
    const folder = join(work, 'out')
    await mkdir(folder)
    await chmod(folder, 0o2775)
    await write(folder, 'one')
    await chmod(join(folder, 'weights'), 0o600)
    const before = await stat(folder)
    await write(folder, 'two')
    const after = await stat(folder)
    expect([after.ino, after.mode & 0o7777]).toEqual([before.ino, 0o2775])
    expect((await stat(join(folder, 'weights'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(folder, 'weights'), 'utf8')).toBe('weights two')
  })

  it('is found behind a symbolic link, which stays one', async () => {
    await mkdir(join(work, 'real'))
    await symlink(join(work, 'real'), join(work, 'link'))
    await write(join(work, 'link'), 'one')
    expect((await readdir(join(work, 'real'))).sort()).toEqual(['manifest', 'weights'])
    expect(await isSameFolder(join(work, 'real'), join(work, 'link'))).toBe(true)
    expect(await isSameFolder(join(work, 'real'), work)).toBe(false)
    expect(await isSameFolder(join(work, 'real'), join(work, 'none'))).toBe(false)
  })

  it('leaves what a link in it leads to alone', async () => {
    const folder = join(work, 'out')
    await mkdir(folder)
    await writeFile(join(work, 'elsewhere'), 'precious')
    await symlink(join(work, 'elsewhere'), join(folder, 'weights'))
    await write(folder, 'one')
    expect(await readFile(join(work, 'elsewhere'), 'utf8')).toBe('precious')
    expect(await readFile(join(folder, 'weights'), 'utf8')).toBe('weights one')
  })

  it('stays as it was if one of the files cannot be written', async () => {
    const folder = join(work, 'out')
    await write(folder, 'one')
    const output = await OutputFolder.prepare(folder, rules())
    const failing = output.replace(async function* () {
      yield await stageContent(join(output.path, 'weights'), 'weights two')
      throw new Error('no room')
    })
    await expect(failing).rejects.toThrow('no room')
    await output.release()
    expect(await readFile(join(folder, 'weights'), 'utf8')).toBe('weights one')
    expect((await readdir(folder)).sort()).toEqual(['manifest', 'weights'])
  })

  it('with files of others is refused, and with overwrite takes only its own', async () => {
    const folder = join(work, 'out')
    await mkdir(folder)
    await writeFile(join(folder, 'thesis.txt'), 'mine')
    await writeFile(join(folder, 'weights'), 'theirs')
    await expect(write(folder, 'one')).rejects.toThrow(
      /^test.output: must be an empty or new folder.*got '.*', which holds 'thesis.txt', 'weights'.*overwrite: true/,
    )
    expect((await readdir(folder)).sort()).toEqual(['thesis.txt', 'weights'])
    await write(folder, 'one', { overwrite: true })
    expect(await readFile(join(folder, 'thesis.txt'), 'utf8')).toBe('mine')
    expect(await readFile(join(folder, 'weights'), 'utf8')).toBe('weights one')
  })

  it('may hold what the system and tools keep there', async () => {
    const folder = join(work, 'out')
    await mkdir(join(folder, 'lost+found'), { recursive: true })
    await writeFile(join(folder, '.gitkeep'), '')
    await write(folder, 'one')
    expect((await readdir(folder)).sort()).toEqual([
      '.gitkeep',
      'lost+found',
      'manifest',
      'weights',
    ])
  })

  it.each([
    ['a file', async () => writeFile(join(work, 'out'), 'x'), 'out', /must be a folder/],
    ['below a file', async () => writeFile(join(work, 'out'), 'x'), 'out/a', /must be a folder/],
    [
      'with a folder in the place of a file',
      async () => void (await mkdir(join(work, 'out', 'weights'), { recursive: true })),
      'out',
      /weights' must be a file or missing; got a folder/,
    ],
  ])('that is %s is refused', async (_, make, name, message) => {
    await make()
    const refused = write(join(work, name), 'one')
    await expect(refused).rejects.toMatchObject({ code: 'ERR_LLFT_CONFIG' })
    await expect(write(join(work, name), 'one')).rejects.toThrow(message)
  })
})

describe('two that write to one folder', () => {
  it('the second is refused until the first is done', async () => {
    const folder = join(work, 'out')
    const first = await OutputFolder.prepare(folder, rules())
    await expect(write(folder, 'two')).rejects.toThrow(
      new RegExp(`one run at a time; got .*process ${process.pid} on ${hostname()}`),
    )
    await first.release()
    await write(folder, 'two')
    expect(await readFile(join(folder, 'weights'), 'utf8')).toBe('weights two')
  })

  it.each([
    ['a process that is gone', () => JSON.stringify({ pid: deadPid(), host: hostname() }), 0],
    ['another machine, long ago', () => JSON.stringify({ pid: 1, host: 'other' }), 600],
    ['nobody knows whom, long ago', () => '{"pid":', 600],
  ])('a lock of %s is taken over', async (_, lock, secondsAgo) => {
    const folder = join(work, 'out')
    await mkdir(folder)
    const path = join(folder, '.llft.lock')
    await writeFile(path, lock())
    const then = new Date(Date.now() - secondsAgo * 1000)
    await utimes(path, then, then)
    await write(folder, 'one')
    expect((await readdir(folder)).sort()).toEqual(['manifest', 'weights'])
  })

  it.each([
    ['another machine', JSON.stringify({ pid: 1, host: 'other' })],
    ['somebody who is writing it', ''],
  ])('a fresh lock of %s holds', async (_, lock) => {
    await mkdir(join(work, 'out'))
    await writeFile(join(work, 'out', '.llft.lock'), lock)
    await expect(write(join(work, 'out'), 'one')).rejects.toThrow(/one run at a time/)
    expect(await readFile(join(work, 'out', '.llft.lock'), 'utf8')).toBe(lock)
  })

  it('only one of many gets a stale lock', async () => {
    const folder = join(work, 'out')
    await mkdir(folder)
    await writeFile(
      join(folder, '.llft.lock'),
      JSON.stringify({ pid: deadPid(), host: hostname() }),
    )
    const tries = Array.from({ length: 8 }, () => OutputFolder.prepare(folder, rules()))
    const got = await Promise.allSettled(tries)
    const winners = got.filter((outcome) => outcome.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    for (const { value } of winners) await value.release()
  })
})

describe('what a killed process left', () => {
  it('is removed, that of a living one is not', async () => {
    const folder = join(work, 'out')
    await mkdir(folder)
    const dead = `.weights.${deadPid()}-0123456789ab.tmp`
    const living = `.weights.${process.pid}-0123456789ab.tmp`
    for (const name of [dead, living, '.weights.tmp']) await writeFile(join(folder, name), 'x')
    await write(folder, 'one')
    expect((await readdir(folder)).sort()).toEqual(
      ['.weights.tmp', living, 'manifest', 'weights'].sort(),
    )
  })
})

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FormatError } from '@llft/errors'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  BoundedPattern,
  openRegular,
  parseJson,
  parseJsonObject,
  readJsonIfThere,
  readTextFile,
  withinTime,
} from '../src/index.js'

let work: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-input-'))
  return () => rm(work, { recursive: true })
})

async function fileWith(content: string | Uint8Array): Promise<string> {
  const path = join(work, 'file')
  await writeFile(path, content)
  return path
}

describe('withinTime', () => {
  it('gives what the work gives and throws what it throws', () => {
    expect(withinTime('it', () => [1, 2])).toEqual([1, 2])
    expect(() =>
      withinTime('it', () => {
        throw new RangeError('mine')
      }),
    ).toThrow(RangeError)
  })

  it('ends a loop and an expression that do not end, one within the other too', () => {
    const forever = () => {
      for (;;);
    }
    expect(() => withinTime('the template', forever, 30)).toThrow(
      /^the template must be done within 0.03 s/,
    )
    const nested = () => withinTime('inner', () => /(a+)+$/.test(`${'a'.repeat(40)}!`), 30)
    expect(() => withinTime('outer', nested, 5000)).toThrow(/^inner must be done/)
    expect(withinTime('it', () => 3)).toBe(3)
  })
})

describe('BoundedPattern', () => {
  it('matches as the expression does', () => {
    const pattern = new BoundedPattern('^layers\\.(\\d+)$', 'here')
    expect(pattern.exec('layers.12')?.[1]).toBe('12')
    expect(pattern.test('layers')).toBe(false)
  })

  it.each([
    ['a'.repeat(10_001), /at most 10000 characters; got 10001/],
    ['(', /here: must be a regular expression; got '\('/],
  ])('refuses %#', (source, message) => {
    expect(() => new BoundedPattern(source, 'here')).toThrow(FormatError)
    expect(() => new BoundedPattern(source, 'here')).toThrow(message)
  })
})

describe('readTextFile', () => {
  it('reads UTF-8, without its mark', async () => {
    expect(await readTextFile(await fileWith('\ufeffgrün'))).toBe('grün')
  })

  it('refuses a pipe that nobody writes to, at once', async () => {
    const pipe = join(work, 'pipe')
    execFileSync('mkfifo', [pipe])
    await expect(readTextFile(pipe)).rejects.toThrow(/must be a file; got a special file \(pipe\)/)
    await expect(openRegular('/dev/zero')).rejects.toThrow(/special file \(character device\)/)
  })

  it.each([
    ['a folder', async () => work, /must be a file; got a folder/],
    ['nothing', async () => join(work, 'none'), /must be readable; got no such file/],
    [
      'a pointer',
      async () => fileWith('version https://git-lfs.github.com/spec/v1\noid sha256:1\n'),
      /got a pointer of git-lfs. Run: git -C '.*' lfs pull/,
    ],
    ['latin1', async () => fileWith(Uint8Array.of(0x67, 0xfc)), /must be UTF-8/],
  ])('refuses %s', async (_, make, message) => {
    const path = await make()
    await expect(readTextFile(path)).rejects.toThrow(message)
    await expect(readTextFile(path)).rejects.toBeInstanceOf(FormatError)
  })

  it('refuses what is larger than it may be', async () => {
    const path = await fileWith('12345')
    await expect(readTextFile(path, { maxBytes: 4 })).rejects.toThrow(/at most 4 bytes; got 5/)
  })
})

describe('parseJson', () => {
  it('counts no brackets of strings', () => {
    const text = JSON.stringify({ a: '['.repeat(100), 'b\\"[': ['\\'] })
    expect(parseJson(text, 'f')).toEqual({ a: '['.repeat(100), 'b\\"[': ['\\'] })
  })

  it('refuses deep nests before they cost anything', () => {
    const started = performance.now()
    expect(() => parseJson(`{"a":\n${'['.repeat(5_000_000)}`, 'f')).toThrow(
      /^f:2:64: JSON must be at most 64 levels deep/,
    )
    expect(performance.now() - started).toBeLessThan(1000)
  })

  it('names the place of a mistake', () => {
    expect(() => parseJson('{\n  "a": 1,\n  b\n}', 'f')).toThrow(
      /^f:3:3: the text must be JSON; got "b" where/,
    )
  })

  it('tells what came in place of an object', async () => {
    expect(() => parseJsonObject('[1]', 'f')).toThrow('f: must hold a JSON object; got a list.')
    expect(await readJsonIfThere(join(work, 'none'))).toBeUndefined()
    expect(await readJsonIfThere(await fileWith('{"a":1}'))).toEqual({ a: 1 })
  })
})

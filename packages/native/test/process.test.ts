import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { candidates } from '../src/candidates.js'

const script = fileURLToPath(new URL('fixtures/exit.mjs', import.meta.url))
const path = candidates().find((candidate) => candidate.path && existsSync(candidate.path))?.path

function run(way: string, env: NodeJS.ProcessEnv = {}) {
  const child = spawnSync(process.execPath, [script, path ?? '', way], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 25_000,
  })
  return { status: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr }
}

describe('the end of a process', () => {
  it('by exit, in the midst of work, is clean', () => {
    expect(run('exit')).toMatchObject({ status: 0, signal: null, stderr: '' })
  })

  it('is not held up by queued work that nobody awaits', () => {
    expect(run('fall')).toMatchObject({ status: 0, signal: null, stderr: '' })
  })

  it('waits for a pending promise', () => {
    expect(run('await')).toMatchObject({ status: 0, signal: null, stdout: 'read 3\n' })
  })

  it('by an error, in the midst of work, is the error’s', () => {
    const { status, signal, stderr } = run('throw')
    expect({ status, signal }).toEqual({ status: 1, signal: null })
    expect(stderr).toContain('on purpose')
  })
})

describe('workers', () => {
  it('may be terminated in the midst of work, while others go on', () => {
    expect(run('terminate')).toMatchObject({
      status: 0,
      signal: null,
      stdout: 'workers gone, 1 handle\n',
    })
  })

  it('cannot use another thread’s handles', () => {
    expect(run('foreign')).toMatchObject({ status: 0, stdout: 'ERR_LLFT_DISPOSED\n' })
  })
})

describe('the environment', () => {
  it.each([
    ['LLFT_THREADS', 'many', /^ERR_LLFT_CONFIG LLFT_THREADS: .*got "many"/],
    ['LLFT_THREADS', '0', /^ERR_LLFT_CONFIG LLFT_THREADS: .*got "0"/],
    [
      'LLFT_ISA',
      'sse9',
      /^ERR_LLFT_CONFIG LLFT_ISA: the value must be one of .*portable; got "sse9"/,
    ],
    ['LLFT_MEMORY_LIMIT', '4GB', /^ERR_LLFT_CONFIG LLFT_MEMORY_LIMIT: .*got "4GB"/],
  ])('%s=%s is refused by name', (name, value, text) => {
    const { status, stdout } = run('config', { [name]: value })
    expect(status).toBe(0)
    expect(stdout).toMatch(text)
  })

  it('an empty value counts as none', () => {
    const { status, stdout } = run('config', {
      LLFT_THREADS: '',
      LLFT_ISA: '',
      LLFT_MEMORY_LIMIT: '',
    })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  })
})

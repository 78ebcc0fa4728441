import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TinyRun, tinyRun } from './tiny-run.js'

// The built program: it ends processes and loads modules as a user's does.
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const TRACE = fileURLToPath(new URL('trace-modules.mjs', import.meta.url))
let tiny: TinyRun

beforeAll(async () => {
  tiny = await tinyRun()
})

afterAll(async () => {
  for (const folder of [tiny.model, tiny.run]) await rm(folder, { recursive: true })
})

test.each([[['--help']], [['--version']], [['chat', '--help']], [['completion', 'bash']]])(
  '%s loads commander and the frame, and nothing that computes',
  (args) => {
    const { status, stderr } = spawnSync(process.execPath, ['--import', TRACE, MAIN, ...args], {
      encoding: 'utf8',
    })
    const urls = stderr.split('\n').filter((line) => line !== '')
    expect(status).toBe(0)
    expect(urls.some((url) => url.includes('/commander/'))).toBe(true)
    // The list of options is names and words.
    const isList = (url: string) => url.endsWith('/config/dist/fields.js')
    const ours = urls.filter((url) => /\/packages\/(?!cli\/)/.test(url) && !isList(url))
    expect(ours).toEqual([])
    expect(urls.filter((url) => url.endsWith('.node'))).toEqual([])
  },
)

test('a reader that has enough ends it quietly', async () => {
  const child = spawn(process.execPath, [MAIN, 'inspect', tiny.model, '--quiet'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  expect([code, stderr]).toEqual([0, ''])
})

test('exit codes and streams are those of the process', () => {
  const llft = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })
  expect(llft('inspect', tiny.adapter, '--json')).toMatchObject({ status: 0, stderr: '' })
  expect(llft('inspect', '/nowhere', '--quiet')).toMatchObject({ status: 3, stdout: '' })
  expect(llft('nothing')).toMatchObject({ status: 2, stdout: '' })
  expect(llft('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('Ctrl-C ends what reads from a pipe', async () => {
  const child = spawn(process.execPath, [MAIN, 'chat', tiny.model], { stdio: 'pipe' })
  await once(child.stderr, 'data')
  child.kill('SIGINT')
  expect(await once(child, 'close')).toEqual([null, 'SIGINT'])
})

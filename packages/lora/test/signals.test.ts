import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadModel } from '@llft/runtime'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadAdapter } from '../src/index.js'
import { tinyCheckpoint } from './tiny-checkpoint.js'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
let base: string
let work: string

beforeAll(async () => {
  base = await tinyCheckpoint()
  work = await mkdtemp(join(tmpdir(), 'llft-signals-'))
})

afterAll(async () => {
  await rm(base, { recursive: true })
  await rm(work, { recursive: true })
})

interface Started {
  readonly child: ChildProcess
  readonly output: string
  /** Exit code and what it said. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

function start(name: string, { steps = 100_000, stuck = false } = {}): Started {
  const output = join(work, name)
  const child = spawn(
    process.execPath,
    [
      here('run-typescript.mjs'),
      here('signal-child.ts'),
      base,
      output,
      String(steps),
      String(stuck),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    stdout,
    stderr,
  }))
  return { child, output, ended }
}

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a run that gets %s saves its adapter and ends well',
  async (signal) => {
    const { child, output, ended } = start(signal)
    await once(child.stdout as never, 'data')
    child.kill(signal)
    const { code, stderr } = await ended
    expect(stderr).toMatch(new RegExp(`${signal}: finishing the step and saving`))
    expect(stderr).toContain(`The adapter so far is in ${output}.`)
    expect(code).toBe(0)
    expect((await readdir(output)).sort()).toEqual([
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
    ])
    const model = await loadModel(base, { dtype: 'float32' })
    await loadAdapter(model, output)
    model.dispose()
  },
  60_000,
)

it('a signal that comes twice at once, as one Ctrl-C does under npx, is one', async () => {
  const { child, ended } = start('twice')
  await once(child.stdout as never, 'data')
  // Two kinds, as two of one kind may arrive as one.
  child.kill('SIGINT')
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  expect(stderr).toContain('The adapter so far is in')
  expect(code).toBe(0)
}, 60_000)

it('a second signal ends a run that does not finish its step', async () => {
  const { child, output, ended } = start('stuck', { stuck: true })
  await once(child.stdout as never, 'data')
  child.kill('SIGINT')
  await setTimeout(1000)
  child.kill('SIGTERM')
  expect((await ended).code).toBe(143)
  expect(await readdir(output)).not.toContain('adapter_model.safetensors')
}, 60_000)

it('a signal in the midst of saving ends the process too, once the adapter is there', async () => {
  const { output, ended } = start('late', { steps: 3 })
  const { code, stdout, stderr } = await ended
  expect([code, stdout]).toEqual([0, 'stepped\n'])
  expect(stderr).toContain(`The adapter is in ${output}.`)
  expect(await readdir(output)).toHaveLength(3)
}, 60_000)

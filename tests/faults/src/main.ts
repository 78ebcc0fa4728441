// Kills small runs at every system call with which they write checkpoints, at random moments, and fills the disk under them:
// what has the name of a checkpoint must be whole, none that was told of may be lost, and the run that goes on must end with
// the bits of one that nothing happened to. Ends with a line of totals.
// Usage: node tests/faults/dist/main.js [RANDOM_KILLS]
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { damageOf, listCheckpoints } from '@llft/train'
import { type Ended, runChild } from './run-child.js'
import { CHECKPOINTS, outcomeOf } from './small-run.js'

const RANDOM_KILLS = Number(process.argv[2] ?? 200)
/** What a run says that finds no room before its first step. */
const REFUSAL = /checkpoints: must be a folder that files can be written to/
/** Runs at the same time. */
const JOBS = 2

const work = mkdtempSync(join(tmpdir(), 'llft-faults-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
const shim = join(work, 'kill_at.so')
const source = fileURLToPath(new URL('../kill_at.c', import.meta.url))
execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl'])

const expected = await outcomeOf(await newFolder('whole'))
const { calls, milliseconds } = await dressRehearsal()
console.log(`a run writes its checkpoints with ${calls} system calls, in ${milliseconds} ms`)
const totals = { passed: 0, failed: 0 }

const each = Array.from({ length: calls }, (_, index) => index + 1)
await inTurns('killed at call', each, async (call) => {
  const { folder, ended } = await runWith(`call-${call}`, { KILL_AT: String(call) })
  requireThat(ended.signal === 'SIGKILL', `the process must be killed; it ended with ${ended.code}`)
  await requireUnharmed(folder, ended)
})
await inTurns(
  'full disk from call',
  each.filter((call) => call % 5 === 1),
  async (call) => {
    const full = { KILL_AT: String(call), KILL_AT_FULL: '1' }
    const { folder, ended } = await runWith(`full-${call}`, full)
    const isRefused = ended.stdout === '' && REFUSAL.test(ended.stderr)
    requireThat(ended.code === 0 || isRefused, `the run must go on; it ended with ${ended.stderr}`)
    await requireUnharmed(folder, ended)
  },
)
const moments = Array.from({ length: RANDOM_KILLS }, (_, i) => ((i * 0.618034) % 1) * milliseconds)
await inTurns('killed after ms', moments, async (after) => {
  const { folder, ended } = await runWith(`moment-${after}`, {}, after)
  await requireUnharmed(folder, ended)
})
console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exit(totals.failed > 0 ? 1 : 0)

async function newFolder(name: string): Promise<string> {
  const folder = join(work, name)
  await mkdir(folder)
  return folder
}

async function runWith(name: string, environment: Record<string, string>, killAfter?: number) {
  const folder = await newFolder(name)
  const below = { LD_PRELOAD: shim, KILL_AT_FOLDER: join(folder, CHECKPOINTS) }
  return { folder, ended: await runChild(folder, { ...below, ...environment }, killAfter) }
}

/** Counts the calls and the time of a run that nothing happens to. */
async function dressRehearsal(): Promise<{ calls: number; milliseconds: number }> {
  const count = join(work, 'count')
  const started = performance.now()
  const { folder, ended } = await runWith('rehearsal', { KILL_AT_COUNT: count })
  const milliseconds = Math.round(performance.now() - started)
  requireThat(ended.code === 0, `the run must end well: ${ended.stderr}`)
  await requireUnharmed(folder, ended)
  const calls = Number(execFileSync('cat', [count], { encoding: 'utf8' }))
  requireThat(calls > 50, `the shim must see the calls; it saw ${calls}`)
  return { calls, milliseconds }
}

/** Every checkpoint is whole, the last one that was told of or a later one is there, and the run ends as it should. */
async function requireUnharmed(folder: string, { stdout }: Ended): Promise<void> {
  const stored = await listCheckpoints(join(folder, CHECKPOINTS))
  for (const { step, folder } of stored) {
    const damage = await damageOf(folder, step)
    requireThat(damage === undefined, `step-${step} is damaged: ${damage}`)
  }
  const told = Math.max(0, ...stdout.split('\n').map(Number).filter(Number.isFinite))
  const newest = stored[0]?.step ?? 0
  requireThat(newest >= told, `the checkpoint of step ${told} is lost; the newest is ${newest}`)
  requireThat((await outcomeOf(folder)) === expected, 'the run must end with the same bits')
  await rm(folder, { recursive: true })
}

async function inTurns<T>(title: string, cases: readonly T[], work: (at: T) => Promise<void>) {
  const waiting = [...cases]
  const next = async () => {
    for (let at = waiting.shift(); at !== undefined; at = waiting.shift())
      await tryCase(title, at, work)
  }
  await Promise.all(Array.from({ length: JOBS }, next))
  console.log(`${title}: ${cases.length} tried`)
}

async function tryCase<T>(title: string, at: T, work: (at: T) => Promise<void>): Promise<void> {
  try {
    await work(at)
    totals.passed++
  } catch (error) {
    totals.failed++
    console.log(`FAILED ${title} ${at}: ${(error as Error).message}`)
  }
}

function requireThat(holds: boolean, message: string): void {
  if (!holds) throw new Error(message)
}

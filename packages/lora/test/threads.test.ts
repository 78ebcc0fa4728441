import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tinyCheckpoint } from './tiny-checkpoint.js'

const run = promisify(execFile)
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))
let model: string
let work: string

beforeAll(async () => {
  model = await tinyCheckpoint()
  work = await mkdtemp(join(tmpdir(), 'llft-threads-'))
})

afterAll(async () => {
  await rm(model, { recursive: true })
  await rm(work, { recursive: true })
})

/** Threads in use, and a hash of losses and adapter. */
async function trained(threads: number, dtype: string): Promise<{ threads: number; hash: string }> {
  const output = join(work, `${threads}-${dtype}`)
  const args = [file('run-typescript.mjs'), file('train-child.ts'), model, output, dtype]
  const env = { ...process.env, LLFT_THREADS: String(threads) }
  return JSON.parse((await run(process.execPath, args, { env })).stdout)
}

it.each(['float32', 'bfloat16'])(
  'gives the same bits with 1 and 2 threads in %s',
  async (dtype) => {
    const [one, two] = [await trained(1, dtype), await trained(2, dtype)]
    expect([one.threads, two.threads]).toEqual([1, 2])
    expect(two.hash).toBe(one.hash)
  },
  120_000,
)

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { batchOf, loadModel } from '@llft/runtime'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { injectLora, type LoraOptions, saveAdapter, saveMerged } from '../src/index.js'
import { FIXTURES, GOLDEN, largestDifference, logitsOf } from './fixture.js'

// A Python with torch, transformers and peft; without it these tests say that they skip.
const PYTHON = process.env.LLFT_PYTHON
const SCRIPT = fileURLToPath(new URL('./logits.py', import.meta.url))
const IDS = [5, 17, 40, 3, 9, 22, 3, 31]
// As for golden cases of small models in float32.
const LOGITS = 2e-5

interface Job {
  model: string
  adapter: string | null
  ids: readonly number[]
}

/** Logits by transformers and PEFT, of all jobs in one process. */
async function reference(jobs: readonly Job[]): Promise<{ logits: number[] }[]> {
  const env = { ...process.env, HF_HUB_OFFLINE: '1' }
  const running = promisify(execFile)(PYTHON as string, [SCRIPT], { env, maxBuffer: 1 << 26 })
  running.child.stdin?.end(JSON.stringify(jobs))
  return JSON.parse((await running).stdout.trim().split('\n').at(-1) as string)
}

const random = { initLoraWeights: false, seed: 8 } as const
const cases: [string, string, LoraOptions][] = [
  [
    'grouped queries',
    join(GOLDEN, 'llama3-gqa-rope'),
    { targetModules: 'all-linear', useRslora: true },
  ],
  [
    'q/k norms',
    join(GOLDEN, 'qwen3-qknorm'),
    { targetModules: '.*(k_proj|down_proj)', rankPattern: { k_proj: 3 } },
  ],
  ['fused projections', join(GOLDEN, 'phi3-fused'), { alpha: 24 }],
  [
    'DoRA and biases',
    join(FIXTURES, 'model'),
    { useDora: true, bias: 'lora_only', targetModules: ['q_proj', 'o_proj'] },
  ],
  ['modules to save', join(FIXTURES, 'model'), { modulesToSave: ['lm_head', 'embed_tokens'] }],
]

describe.skipIf(PYTHON === undefined)('with LLFT_PYTHON', () => {
  let folder: string
  const ours: Float32Array[] = []
  let theirs: { logits: number[] }[]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llft-interchange-'))
    const jobs: Job[] = []
    for (const [index, [, base, options]] of cases.entries()) {
      const [adapter, merged] = [join(folder, `adapter-${index}`), join(folder, `merged-${index}`)]
      const model = await loadModel(base, { dtype: 'float32' })
      injectLora(model, { ...random, ...options })
      ours.push(await logitsOf(model, batchOf([IDS])))
      await saveAdapter(model, adapter, { baseModel: base })
      await saveMerged(model, merged, { baseModel: base })
      model.dispose()
      jobs.push({ model: base, adapter, ids: IDS }, { model: merged, adapter: null, ids: IDS })
    }
    theirs = await reference(jobs)
  }, 600_000)

  afterAll(() => rm(folder, { recursive: true }))

  it.each(cases.map(([name], index) => [name, index] as const))(
    '%s: PEFT loads our adapter, transformers our merged model',
    (_, index) => {
      const expected = ours[index] as Float32Array
      expect(largestDifference(theirs[2 * index]?.logits ?? [], expected)).toBeLessThan(LOGITS)
      expect(largestDifference(theirs[2 * index + 1]?.logits ?? [], expected)).toBeLessThan(LOGITS)
    },
  )
})

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { batchOf, loadModel } from '@llft/runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { injectLora, type LoraOptions, saveAdapter, saveMerged } from '../src/index.js'
import { FIXTURES, GOLDEN, largestDifference, logitsOf } from './fixture.js'

// A Python with torch, transformers and peft; without it these tests say that they skip.
const PYTHON = process.env.LLFT_PYTHON
const SCRIPT = fileURLToPath(new URL('./logits.py', import.meta.url))
const IDS = [5, 17, 40, 3, 9, 22, 3, 31]
// As for golden cases of small models in float32.
const LOGITS = 2e-5

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llft-interchange-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Logits by transformers, and PEFT where an adapter is named. */
async function reference(model: string, adapter?: string): Promise<number[]> {
  const args = [SCRIPT, model, IDS.join(), ...(adapter ? [adapter] : [])]
  const env = { ...process.env, HF_HUB_OFFLINE: '1' }
  const { stdout } = await promisify(execFile)(PYTHON as string, args, { env, maxBuffer: 1 << 26 })
  return JSON.parse(stdout.trim().split('\n').at(-1) as string).logits
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
  it.each(cases)(
    '%s: PEFT loads our adapter, transformers our merged model',
    async (_, base, options) => {
      const model = await loadModel(base, { dtype: 'float32' })
      injectLora(model, { ...random, ...options })
      const ours = await logitsOf(model, batchOf([IDS]))
      await saveAdapter(model, join(folder, 'adapter'), { baseModel: base })
      await saveMerged(model, join(folder, 'merged'), { baseModel: base })
      model.dispose()
      expect(largestDifference(await reference(base, join(folder, 'adapter')), ours)).toBeLessThan(
        LOGITS,
      )
      expect(largestDifference(await reference(join(folder, 'merged')), ours)).toBeLessThan(LOGITS)
    },
    120_000,
  )
})

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  fineTune,
  loraTrain,
  type OptimizerName,
  type RunCallback,
  type RunOptions,
  type RunResult,
} from '../src/index.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

/** Ten rows in batches of two, two of which are a step: three steps an epoch, the last of one batch. */
const STEPS_PER_EPOCH = 3
let base: string
let work: string
let runs = 0

beforeAll(async () => {
  base = await tinyCheckpoint()
  work = await mkdtemp(join(tmpdir(), 'llft-resume-'))
})

afterAll(async () => {
  await rm(base, { recursive: true })
  await rm(work, { recursive: true })
})

function options(more: Partial<RunOptions> = {}): RunOptions {
  return {
    model: base,
    data: questions(10),
    columns: { user: 'question', assistant: 'answer' },
    evalCount: 2,
    evalEvery: 2,
    output: join(work, `result-${runs}`),
    checkpoints: join(work, `checkpoints-${runs++}`),
    batchSize: 2,
    gradientAccumulation: 2,
    maxSteps: 7,
    schedule: 'cosine',
    warmupSteps: 2,
    learningRate: 1e-3,
    weightDecay: 0.01,
    dtype: 'float32',
    onWarning: () => undefined,
    ...more,
  }
}

type Train = (options: RunOptions) => PromiseLike<RunResult>

const METHODS: Record<string, Train> = {
  LoRA: (given) => loraTrain({ ...given, lora: { r: 4, dropout: 0.1 } }),
  QLoRA: (given) => loraTrain({ ...given, lora: { r: 4, dropout: 0.1 }, quantization: 'nf4' }),
  full: (given) => fineTune(given),
}
const OPTIMIZERS: OptimizerName[] = ['adamw', 'adamw8bit', 'lion', 'adafactor', 'paged-adamw']

function stopAfter(step: number): RunCallback {
  return {
    beforeStep: (place, run) => {
      if (place.step === step) run.stop('enough')
    },
  }
}

/** Everything that a run leaves: what it learnt, the state of its optimiser, and what it says. */
async function trace(run: RunResult, { checkpoints }: RunOptions) {
  const weights = run.method === 'full' ? 'model.safetensors' : 'adapter_model.safetensors'
  const last = join(checkpoints as string, `step-${run.steps}`)
  const files = [
    join(run.folder, weights),
    join(last, weights),
    join(last, 'optimizer.safetensors'),
  ]
  const bytes = await Promise.all(files.map((file) => readFile(file, 'base64')))
  return { bytes, losses: run.losses, evalLosses: run.evalLosses, tokens: run.tokens }
}

describe('a run that was interrupted ends with the bits of one that was not', () => {
  const cases = Object.keys(METHODS).flatMap((method) =>
    OPTIMIZERS.flatMap((optimizer) =>
      [true, false].map((packing) => [method, optimizer, packing] as const),
    ),
  )

  it('with noise, smoothing, averages of the parameters and faster matrices B', async () => {
    const more = { neftuneAlpha: 5, labelSmoothing: 0.1, emaDecay: 0.9, saveSteps: 7 }
    const train = (given: RunOptions) =>
      loraTrain({ ...given, lora: { r: 4, dropout: 0.1 }, loraPlusRatio: 4 })
    const whole = options(more)
    const uninterrupted = await trace(await train(whole), whole)
    const parts = options(more)
    await train({ ...parts, callbacks: [stopAfter(4)] })
    expect(await trace(await train({ ...parts, resume: true }), parts)).toEqual(uninterrupted)
    const [result, trained] = uninterrupted.bytes
    // The result is the average, the checkpoint has what it is one of.
    expect(result).not.toBe(trained)
    await expect(train({ ...parts, resume: true, emaDecay: undefined })).rejects.toThrow(
      /emaDecay: 0.9 recorded, nothing now/,
    )
  })

  it.each(cases)('%s, %s, packing %s', async (method, optimizer, packing) => {
    const train = METHODS[method] as Train
    const packed = packing ? { packing, maxLength: 24 } : {}
    const whole = options({ optimizer, ...packed, saveSteps: 7 })
    const uninterrupted = await trace(await train(whole), whole)
    for (const stop of [STEPS_PER_EPOCH, STEPS_PER_EPOCH + 1]) {
      const parts = options({ optimizer, ...packed, saveSteps: 7 })
      const first = await train({ ...parts, callbacks: [stopAfter(stop)] })
      expect([first.steps, first.stopReason]).toEqual([stop, 'enough'])
      const second = await train({ ...parts, resume: true })
      expect(await trace(second, parts)).toEqual(uninterrupted)
    }
  })
})

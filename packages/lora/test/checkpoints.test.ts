import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel } from '@llft/runtime'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type LlftWarning,
  type LoraTrainOptions,
  loadAdapter,
  loraTrain,
  RunAbortedError,
  type RunEvent,
} from '../src/index.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

let base: string
let work: string
let runs = 0

beforeAll(async () => {
  base = await tinyCheckpoint()
  work = await mkdtemp(join(tmpdir(), 'llft-checkpoints-'))
})

afterAll(async () => {
  await rm(base, { recursive: true })
  await rm(work, { recursive: true })
})

interface Given extends LoraTrainOptions {
  checkpoints: string
}

function options(more: Partial<LoraTrainOptions> = {}): Given {
  return {
    model: base,
    data: questions(8),
    columns: { user: 'question', assistant: 'answer' },
    output: join(work, `result-${runs}`),
    checkpoints: join(work, `checkpoints-${runs++}`),
    maxSteps: 4,
    saveSteps: 2,
    warmupSteps: 0,
    dtype: 'float32',
    lora: { r: 2, targetModules: ['q_proj'] },
    onWarning: () => undefined,
    ...more,
  }
}

async function adapterOf(folder: string): Promise<string> {
  return readFile(join(folder, 'adapter_model.safetensors'), 'base64')
}

describe('checkpoints', () => {
  it('are PEFT folders with a manifest, of which the last ones are kept', async () => {
    const given = options({ maxSteps: 6, saveSteps: 1, saveTotalLimit: 2 })
    const told: RunEvent[] = []
    await loraTrain({ ...given, onEvent: (event) => told.push(event) })
    expect((await readdir(given.checkpoints)).sort()).toEqual(['step-5', 'step-6'])
    const last = join(given.checkpoints, 'step-6')
    expect((await readdir(last)).sort()).toEqual([
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
      'manifest.json',
      'optimizer.safetensors',
      'run_state.json',
      'trainer_state.json',
    ])
    const model = await loadModel(base, { dtype: 'float32' })
    await loadAdapter(model, last)
    model.dispose()
    expect(await adapterOf(last)).toBe(await adapterOf(given.output))
    const saved = told.filter(({ type }) => type === 'checkpoint')
    expect(saved.map((event) => 'step' in event && event.step)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('keep the one of the lowest held-out loss apart', async () => {
    // With such a rate the first steps are the best ones.
    const given = options({
      maxSteps: 6,
      saveSteps: 1,
      saveTotalLimit: 1,
      evalEvery: 1,
      evalCount: 4,
    })
    const { evalLosses } = await loraTrain({ ...given, learningRate: 0.5, schedule: 'constant' })
    const [best] = evalLosses.slice(1).sort((a, b) => a.loss - b.loss)
    const kept = new Set([`step-${best?.step}`, 'step-6'])
    expect(new Set(await readdir(given.checkpoints))).toEqual(kept)
    const state = await readFile(join(given.checkpoints, 'step-6', 'trainer_state.json'), 'utf8')
    const { best_global_step, best_metric, global_step, log_history } = JSON.parse(state)
    expect([best_global_step, best_metric, global_step]).toEqual([best?.step, best?.loss, 6])
    expect(log_history.filter((record: object) => 'loss' in record)).toHaveLength(6)
    expect(log_history.filter((record: object) => 'eval_loss' in record)).toHaveLength(7)
  })

  it('are written when the run is aborted, and nothing of them is lost', async () => {
    const controller = new AbortController()
    const given = options({ maxSteps: 50, saveSteps: 40 })
    const onEvent = (event: RunEvent) => {
      if (event.type === 'step' && event.step === 3) controller.abort()
    }
    const aborted = loraTrain({ ...given, onEvent, signal: controller.signal })
    const error = await aborted.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(RunAbortedError)
    const { result, checkpoints, message } = error as RunAbortedError
    expect(checkpoints).toBe(given.checkpoints)
    expect(message).toContain(`Go on from the checkpoint in ${given.checkpoints}: resume: true.`)
    expect(await readdir(given.checkpoints)).toEqual([`step-${result.steps}`])
  })

  it('are begun anew only where there are none', async () => {
    const given = options()
    await expect(loraTrain({ ...given, resume: true })).rejects.toThrow(
      /resume: a checkpoint must be there to go on from; got none in/,
    )
    await loraTrain({ ...given, resume: 'auto' })
    await expect(loraTrain(given)).rejects.toThrow(
      /must be a folder without checkpoints for a new run; got '.*' with one of step 4/,
    )
    const { checkpoints: _, ...without } = given
    await expect(loraTrain(without)).rejects.toThrow(
      /checkpoints: must be given with saveSteps; got nothing/,
    )
  })

  it('of another run are refused, with what differs; allowed changes are told', async () => {
    const given = options()
    await loraTrain({ ...given, maxSteps: 2 })
    const other = { ...given, resume: true, learningRate: 1e-3, data: questions(7) }
    const error = await loraTrain(other).catch((reason: unknown) => reason)
    expect((error as Error).message).toMatch(
      /rows to train on: "\w{12}" recorded, "\w{12}" now; maxSteps: 2 recorded, 4 now; learningRate: 0.0002 recorded, 0.001 now.* allowChanges: \['data', 'configuration'\]/,
    )
    const warnings: LlftWarning[] = []
    const { steps } = await loraTrain({
      ...other,
      allowChanges: ['data', 'configuration'],
      onWarning: (warning) => warnings.push(warning),
    })
    expect(steps).toBe(4)
    expect(warnings.map(({ code }) => code)).toEqual(Array(3).fill('WARN_LLFT_RESUME_CHANGED'))
  })

  it('of another base, method or rank are refused', async () => {
    const given = options({ resume: 'auto' })
    await loraTrain({ ...given, maxSteps: 2 })
    await expect(loraTrain({ ...given, maxSteps: 2, lora: { r: 3 } })).rejects.toThrow(/lora: \{/)
    const other = join(work, 'other-base')
    await cp(base, other, { recursive: true })
    const weights = await readFile(join(other, 'model.safetensors'))
    weights.writeUInt8(weights.readUInt8(weights.length - 1) ^ 1, weights.length - 1)
    await writeFile(join(other, 'model.safetensors'), weights)
    await expect(loraTrain({ ...given, maxSteps: 2, model: other })).rejects.toThrow(
      /base model: "\w{12}" recorded/,
    )
  })
})

describe('a checkpoint that is damaged', () => {
  it.each([
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
    'manifest.json',
    'optimizer.safetensors',
    'run_state.json',
    'trainer_state.json',
  ])('in %s is found, and the one before is used', async (name) => {
    const given = options()
    const { losses } = await loraTrain(given)
    const last = join(given.checkpoints, 'step-4')
    const path = join(last, name)
    const whole = await readFile(path)
    const resume = async () => {
      const warnings: LlftWarning[] = []
      const steps: number[] = []
      const onEvent = (event: RunEvent) => {
        if (event.type === 'start') steps.push(event.firstStep)
      }
      const onWarning = (warning: LlftWarning) => warnings.push(warning)
      const result = await loraTrain({ ...given, resume: true, onEvent, onWarning })
      expect(result.losses).toEqual(losses)
      return [...steps, ...warnings.map(({ code }) => code)]
    }
    const damages = [
      () => truncate(path, whole.length - 1),
      () => truncate(path, 0),
      () => writeFile(path, flipped(whole, 0)),
      () => writeFile(path, flipped(whole, whole.length >> 1)),
      () => rm(path),
    ]
    for (const damage of damages) {
      await damage()
      expect(await resume()).toEqual([2, 'WARN_LLFT_CHECKPOINT_DAMAGED'])
      // The run has written it again.
      expect(await resume()).toEqual([4])
    }
  })

  it('leaves nothing to go on from where all are', async () => {
    const given = options()
    await loraTrain(given)
    for (const name of await readdir(given.checkpoints)) {
      await truncate(join(given.checkpoints, name, 'optimizer.safetensors'), 10)
    }
    await expect(loraTrain({ ...given, resume: true })).rejects.toThrow(
      /must be whole; got 2 damaged ones/,
    )
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(at) ^ 4, at)
  return copy
}

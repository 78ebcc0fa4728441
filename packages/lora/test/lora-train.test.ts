import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batchOf, loadModel, memoryStats, synchronize } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  injectLora,
  type LoraTrainOptions,
  loadAdapter,
  loraTrain,
  RunAbortedError,
  type RunEvent,
} from '../src/index.js'
import { logitsOf } from './fixture.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

let model: string
let work: string
let runs = 0

beforeAll(async () => {
  model = await tinyCheckpoint()
  work = await mkdtemp(join(tmpdir(), 'llft-lora-train-'))
})

afterAll(async () => {
  await rm(model, { recursive: true })
  await rm(work, { recursive: true })
})

function options(more: Partial<LoraTrainOptions> = {}): LoraTrainOptions {
  return {
    model,
    data: questions(16),
    columns: { user: 'question', assistant: 'answer' },
    output: join(work, `run-${runs++}`),
    learningRate: 5e-3,
    dtype: 'float32',
    ...more,
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function held() {
  const { handles, bytesInUse } = memoryStats()
  return { handles, bytesInUse }
}

async function failure(more: Record<string, unknown>): Promise<{ code: string; message: string }> {
  const given = options(more as Partial<LoraTrainOptions>)
  const error = await loraTrain(given).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Error)
  expect(await exists(given.output)).toBe(false)
  return error as { code: string; message: string }
}

describe('loraTrain', () => {
  it('learns, tells what happens, saves the adapter and frees everything', async () => {
    await synchronize()
    const before = held()
    const events: RunEvent[] = []
    const given = options({
      evalCount: 4,
      epochs: 8,
      evalEvery: 10,
      onEvent: (e) => events.push(e),
    })
    const result = await loraTrain(given)
    await synchronize()
    expect(held()).toEqual(before)
    expect(result.steps).toBe(24)
    expect(result.losses.at(-1)).toBeLessThan((result.losses[0] as number) - 1)
    expect(result.evalLosses.map(({ step }) => step)).toEqual([0, 10, 20, 24])
    expect(result.evalLosses.at(-1)?.loss).toBeLessThan(result.evalLosses[0]?.loss as number)
    expect(result.data).toMatchObject({ rows: 12, examples: 12, truncated: 0 })
    expect(result.evalData).toMatchObject({ examples: 4 })
    expect(result.lora).toMatchObject({ r: 16, alpha: 32, targetModules: 'all-linear' })
    expect(result.trainableParameters).toBe(2 * 16 * (64 + 48 + 48 + 64 + 80 + 80 + 80))
    expect(result.tokensPerSecond).toBeGreaterThan(0)
    expect(result.peakBytes).toBeGreaterThan(result.trainableParameters * 4 * 3)
    expect(result.peakResidentBytes).toBeGreaterThan(result.peakBytes)
    const types = new Set(events.map(({ type }) => type))
    expect([...types]).toEqual(['ready', 'start', 'eval', 'step', 'verdict', 'end', 'saved'])
    expect((await readdir(result.adapterDir)).sort()).toEqual([
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
    ])
  })

  it('keeps the new adapter in a model that was passed in', async () => {
    const loaded = await loadModel(model, { dtype: 'float32' })
    const tokenizer = await Tokenizer.fromFolder(model)
    const { adapterDir } = await loraTrain(options({ model: loaded, tokenizer, maxSteps: 3 }))
    const batch = batchOf([[5, 6, 7]])
    const trained = await logitsOf(loaded, batch)
    loaded.dispose()
    const fresh = await loadModel(model, { dtype: 'float32' })
    const base = await logitsOf(fresh, batch)
    await loadAdapter(fresh, adapterDir)
    expect(await logitsOf(fresh, batch)).toEqual(trained)
    expect(trained).not.toEqual(base)
    fresh.dispose()
  })

  it('goes on with an adapter that the model has', async () => {
    const loaded = await loadModel(model, { dtype: 'float32' })
    const tokenizer = await Tokenizer.fromFolder(model)
    injectLora(loaded, { r: 3, targetModules: ['o_proj'] })
    const { lora, losses } = await loraTrain(options({ model: loaded, tokenizer, maxSteps: 3 }))
    const again = await loraTrain(
      options({ model: loaded, tokenizer, maxSteps: 3, shuffle: false }),
    )
    expect(lora).toMatchObject({ r: 3, targetModules: ['o_proj'] })
    expect(again.losses[0]).toBeLessThan(losses[0] as number)
    loaded.dispose()
  })

  it('packs rows into sequences with the same tokens', async () => {
    const plain = await loraTrain(options({ maxSteps: 1, batchSize: 16, shuffle: false }))
    const packed = await loraTrain(
      options({ maxSteps: 1, batchSize: 16, shuffle: false, packing: true, maxLength: 100 }),
    )
    expect(packed.tokens).toBe(plain.tokens)
    // The same sums of about 100 losses below 10, in another order.
    expect(Math.abs((packed.losses[0] as number) - (plain.losses[0] as number))).toBeLessThan(1e-5)
  })

  it('gives the same numbers with recomputed layers, and for the same seed', async () => {
    const lora = { dropout: 0.1 }
    const first = await loraTrain(options({ maxSteps: 4, lora, seed: 3 }))
    const recomputed = await loraTrain(options({ maxSteps: 4, lora, seed: 3, checkpointing: true }))
    const other = await loraTrain(options({ maxSteps: 4, lora, seed: 4 }))
    expect(recomputed.losses).toEqual(first.losses)
    expect(other.losses).not.toEqual(first.losses)
  })

  it('trains in bfloat16 close to float32', async () => {
    const exact = await loraTrain(options({ maxSteps: 5 }))
    const rounded = await loraTrain(options({ maxSteps: 5, dtype: 'bfloat16' }))
    for (const [step, loss] of exact.losses.entries()) {
      expect(Math.abs((rounded.losses[step] as number) / loss - 1)).toBeLessThan(0.02)
    }
  })
})

describe('an abort', () => {
  it('before the first step saves nothing', async () => {
    const error = await failure({ signal: AbortSignal.abort() })
    expect(error.code).toBe('ERR_LLFT_ABORTED')
  })

  it.each([true, false])(
    'after a step saves the adapter if saveOnAbort is %s',
    async (saveOnAbort) => {
      await synchronize()
      const before = held()
      const controller = new AbortController()
      const onEvent = (event: RunEvent) => {
        if (event.type === 'step' && event.step === 2) controller.abort()
      }
      const given = options({ signal: controller.signal, onEvent, epochs: 50, saveOnAbort })
      const error = await loraTrain(given).catch((reason: unknown) => reason)
      await synchronize()
      expect(held()).toEqual(before)
      expect(error).toBeInstanceOf(RunAbortedError)
      const { folder, result, code } = error as RunAbortedError
      expect(code).toBe('ERR_LLFT_ABORTED')
      expect(result.steps).toBeGreaterThanOrEqual(2)
      expect(folder).toBe(saveOnAbort ? given.output : undefined)
      expect(await exists(join(given.output, 'adapter_model.safetensors'))).toBe(saveOnAbort)
    },
  )
})

describe('bad input', () => {
  it.each([
    [{ learing_rate: 1 }, 'ERR_LLFT_CONFIG', /got 'learing_rate'. Did you mean 'learningRate'\?/],
    [{ batchsize: 1 }, 'ERR_LLFT_CONFIG', /Did you mean 'batchSize'\?/],
    [{ lora: { rank: 4 } }, 'ERR_LLFT_CONFIG', /lora: .* got 'rank'/],
    [{ epochs: -1 }, 'ERR_LLFT_CONFIG', /loraTrain\.epochs: must be above 0; got -1/],
    [
      { batchSize: 'four' },
      'ERR_LLFT_CONFIG',
      /loraTrain\.batchSize: must be a whole number; got 'four'/,
    ],
    [{ model: undefined }, 'ERR_LLFT_CONFIG', /loraTrain\.model: .*; got nothing/],
    [{ columns: { user: 'question', asistant: 'answer' } }, 'ERR_LLFT_CONFIG', /columns/],
    [{ maxLength: 129 }, 'ERR_LLFT_CONFIG', /context of the model, 128 tokens; got 129/],
    [
      { evalCount: 2, evalFraction: 0.5 },
      'ERR_LLFT_CONFIG',
      /one of evalData, evalFraction and evalCount/,
    ],
    [{ evalCount: 16 }, 'ERR_LLFT_CONFIG', /both parts must hold a row/],
    [{ warmupSteps: 1, warmupRatio: 0.1 }, 'ERR_LLFT_CONFIG', /together with warmupRatio/],
    [{ lora: { targetModules: ['query'] } }, 'ERR_LLFT_CONFIG', /got 'query'.*q_proj/],
    [{ data: [] }, 'ERR_LLFT_DATA', /at least one row; got none/],
    [
      { data: [{ question: 'Why?' }] },
      'ERR_LLFT_DATA',
      /row 0: "answer" must be a string; got undefined/,
    ],
    [{ data: '/nowhere/train.jsonl' }, 'ERR_LLFT_DATA', /\/nowhere\/train\.jsonl/],
    [{ model: '/nowhere/model' }, 'ERR_LLFT_', /\/nowhere\/model/],
  ])('%j is refused before the output folder stays behind', async (more, code, message) => {
    const error = await failure(more)
    expect(error.code.startsWith(code)).toBe(true)
    expect(error.message).toMatch(message)
  })

  it('names file and line of a row with a missing field', async () => {
    const file = join(work, 'train.jsonl')
    await writeFile(file, '{"question": "a", "answer": "b"}\n{"question": "c"}\n')
    const { code, message } = await failure({ data: file })
    expect(code).toBe('ERR_LLFT_DATA')
    expect(message).toContain(`${file}:2: "answer" must be a string`)
  })

  it('an output that cannot be written is refused before any work', async () => {
    const file = join(work, 'a-file')
    await writeFile(file, 'mine')
    const events: RunEvent[] = []
    for (const output of [file, join(file, 'below')]) {
      const error = await loraTrain(
        options({ output, model: '/nowhere', onEvent: (e) => events.push(e) }),
      ).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'ERR_LLFT_CONFIG' })
      expect((error as Error).message).toMatch(/^loraTrain.output: must be a folder/)
    }
    expect(events).toEqual([])
  })

  it('a loss that is no number stops the run, names the rows and saves nothing', async () => {
    await synchronize()
    const before = held()
    const rows = questions(16).map((row) => JSON.stringify(row))
    const file = join(work, 'rows.jsonl')
    await writeFile(file, rows.join('\n'))
    const { code, message } = await failure({
      data: file,
      learningRate: 1e30,
      schedule: 'constant',
      warmupSteps: 0,
      shuffle: false,
    })
    expect(code).toBe('ERR_LLFT_NON_FINITE')
    expect(message).toMatch(/in step [2-4].*rows\.jsonl:\d+/)
    await synchronize()
    expect(held()).toEqual(before)
  })
})

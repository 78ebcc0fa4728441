import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LoraTrainOptions, loraTrain, type RunCallback, type RunEvent } from '../src/index.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

let base: string
let work: string
let runs = 0

beforeAll(async () => {
  base = await tinyCheckpoint()
  work = await mkdtemp(join(tmpdir(), 'llft-handle-'))
})

afterAll(async () => {
  await rm(base, { recursive: true })
  await rm(work, { recursive: true })
})

function options(more: Partial<LoraTrainOptions> = {}): LoraTrainOptions {
  return {
    model: base,
    data: questions(8),
    columns: { user: 'question', assistant: 'answer' },
    output: join(work, `run-${runs++}`),
    maxSteps: 1000,
    warmupSteps: 0,
    dtype: 'float32',
    lora: { r: 2, targetModules: ['q_proj'] },
    onWarning: () => undefined,
    ...more,
  }
}

describe('a run as a handle', () => {
  it('shows its model to callbacks, with what trains in it', async () => {
    const counts: number[] = []
    const callback: RunCallback = {
      onEvent: (event, run) => {
        if (event.type !== 'start' && event.type !== 'saved') return
        counts.push([...run.model.parameters()].filter(([, tensor]) => tensor.requiresGrad).length)
      },
    }
    await loraTrain(options({ maxSteps: 1, callbacks: [callback] }))
    // A and B of a layer each.
    expect(counts).toEqual([4, 4])
  })

  it('gives its events in order, and its result when it is awaited', async () => {
    const run = loraTrain(options({ maxSteps: 2 }))
    const types: string[] = []
    for await (const event of run) types.push(event.type)
    expect(types).toEqual(['ready', 'start', 'step', 'step', 'end', 'saved'])
    const { steps } = await run
    expect(steps).toBe(2)
    expect(await run.result).toBe(await run)
  })

  it('tells callbacks of warnings, too', async () => {
    const codes: string[] = []
    const callback: RunCallback = {
      onEvent: (event) => {
        if (event.type === 'warning') codes.push(event.code)
      },
    }
    const idle = { maxSteps: 1, evalBatchSize: 2, callbacks: [callback] }
    const { warnings } = await loraTrain(options(idle))
    expect(codes).toEqual(warnings.map(({ code }) => code))
    expect(codes).toContain('WARN_LLFT_NO_EFFECT')
  })

  it('ends the iteration with the error of the run', async () => {
    const run = loraTrain(options({ data: join(work, 'missing.jsonl') }))
    const events: RunEvent[] = []
    const watch = async () => {
      for await (const event of run) events.push(event)
    }
    await expect(watch()).rejects.toThrow(/missing.jsonl/)
    expect(events).toEqual([])
  })

  it('is stopped, with the result saved', async () => {
    const given = options()
    const run = loraTrain(given)
    for await (const event of run) if (event.type === 'step' && event.step === 2) break
    const { steps, stopReason } = await run.stop()
    expect(steps).toBeLessThan(1000)
    expect(stopReason).toBe('it was asked to stop')
    expect(await readdir(given.output)).toContain('adapter_config.json')
  })

  it('stands still while it is paused', async () => {
    const run = loraTrain(options())
    let seen = 0
    const watching = (async () => {
      for await (const event of run) if (event.type === 'step') seen = event.step
    })()
    await run.pause()
    const atPause = seen
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(seen).toBe(atPause)
    run.resume()
    await run.pause()
    expect(seen).toBeGreaterThanOrEqual(atPause)
    await run.stop()
    await watching
    await run.pause()
  })

  it('writes a checkpoint when it is asked to, and says why it cannot', async () => {
    const run = loraTrain(options({ checkpoints: join(work, 'asked') }))
    for await (const event of run) if (event.type === 'step') break
    const { step, folder } = await run.checkpoint()
    expect(folder).toBe(join(work, 'asked', `step-${step}`))
    expect(await readdir(folder)).toContain('manifest.json')
    await run.stop()
    await expect(run.checkpoint()).rejects.toThrow(/must be going on; got one that ended/)
    const without = loraTrain(options())
    await expect(without.checkpoint()).rejects.toThrow(/the run has no folder for them/)
    await without.stop()
  })

  it('is stopped where its block ends', async () => {
    const given = options()
    const start = async () => {
      await using run = loraTrain(given)
      for await (const event of run) if (event.type === 'step') return event.step
      return undefined
    }
    expect(await start()).toBe(1)
    expect(await readdir(given.output)).toContain('adapter_model.safetensors')
  })
})

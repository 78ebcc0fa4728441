import type { LlftWarning } from '@llft/errors'
import {
  type CausalLM,
  copy,
  memoryStats,
  synchronize,
  Tensor,
  type TokenBatch,
  trimMemory,
} from '@llft/runtime'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  NonFiniteError,
  type TrainEvent,
  type TrainOptions,
  train,
  trainAllParameters,
} from '../src/index.js'
import { batchOfRows, tinyModel, tinyRows } from './tiny-model.js'

const BATCHES: TokenBatch[] = tinyRows(4).map((row) => batchOfRows([row]))
let model: CausalLM
let told: LlftWarning[]

beforeEach(() => {
  model = tinyModel()
  trainAllParameters(model)
  told = []
})

afterEach(() => model.dispose())

function run(options: Partial<TrainOptions> = {}) {
  return train({
    model,
    batches: () => BATCHES,
    batchesPerEpoch: BATCHES.length,
    learningRate: 1e-3,
    warmupSteps: 0,
    onWarning: (warning) => told.push(warning),
    ...options,
  })
}

async function values(): Promise<number[]> {
  const parts = await Promise.all([...model.parameters()].map(([, tensor]) => tensor.read()))
  return parts.flatMap((part) => [...(part as Float32Array)])
}

/** Puts NaN into the gradients of the step after next, when the figures of `step` are told. */
function poisonAfter(step: number) {
  return (event: TrainEvent) => {
    if (event.type !== 'step' || event.step !== step) return
    const [, weight] = [...model.parameters()].find(([name]) => name === 'model.norm.weight') as [
      string,
      Tensor,
    ]
    weight.grad = Tensor.full(weight.shape, Number.NaN)
  }
}

describe('a run that meets what is not finite', () => {
  it('has the parameters of the steps before, bit for bit, whatever was in flight', async () => {
    const error = await run({
      epochs: 5,
      onEvent: poisonAfter(2),
      schedule: 'constant',
      maxSkippedSteps: 1,
    }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NonFiniteError)
    const { result, step } = error as NonFiniteError
    expect([step, result.steps, result.losses.length]).toEqual([4, 3, 3])
    const poisoned = await values()
    model.dispose()
    model = tinyModel()
    trainAllParameters(model)
    await run({ maxSteps: 3, schedule: 'constant' })
    expect(poisoned).toEqual(await values())
  })

  it('fails if the last update leaves parameters that are not finite', async () => {
    const error = await run({ learningRate: 3e38, maxSteps: 1 }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NonFiniteError)
    expect((error as NonFiniteError).message).toMatch(/parameters .* in step 1.*learning rate/)
  })

  it('fails if the held-out loss is not finite', async () => {
    const [, weight] = [...model.parameters()][0] as [string, Tensor]
    copy(Tensor.full(weight.shape, Number.NaN), weight)
    const evaluated = run({ evalBatches: () => BATCHES })
    await expect(evaluated).rejects.toThrow(/got held-out loss NaN in step 0/)
  })

  it('frees what it holds', async () => {
    await run({ maxSteps: 1 })
    const { handles } = memoryStats()
    await run({ epochs: 5, onEvent: poisonAfter(2), maxSkippedSteps: 1 }).catch(() => undefined)
    for (const [, tensor] of model.parameters()) tensor.grad = undefined
    expect(memoryStats().handles).toBe(handles)
  })
})

describe('a run that cannot be what was meant', () => {
  it('refuses batches that give nothing', async () => {
    const empty = run({ batches: () => [], maxSteps: 3 })
    await expect(empty).rejects.toThrow(/at least one batch an epoch; got none/)
    await expect(run({ batches: () => [] })).rejects.toMatchObject({ code: 'ERR_LLFT_DATA' })
  })

  it('refuses a model that another run trains, and takes it afterwards', async () => {
    const first = run({ epochs: 2 })
    await expect(run()).rejects.toThrow(/must not be in training; got a model that another run/)
    await first
    await expect(run({ maxSteps: 1 })).resolves.toMatchObject({ steps: 1 })
  })
})

describe('warnings of a run', () => {
  it('tells of a loss that diverged, in the result too', async () => {
    const { losses, warnings } = await run({ learningRate: 2, epochs: 4, schedule: 'constant' })
    expect(losses.at(-1)).toBeGreaterThan((losses[0] as number) * 1.25)
    expect(warnings).toMatchObject([{ code: 'WARN_LLFT_LOSS_DIVERGED' }])
    expect(told).toEqual(warnings)
  })

  it('is quiet about a run that learns', async () => {
    const result = await run({ epochs: 4, learningRate: 1e-2 })
    expect(result.warnings).toEqual([])
  })

  it('tells of a warm-up longer than the run and of evaluation without data', async () => {
    const { warnings } = await run({ warmupSteps: 100, maxSteps: 4, evalEvery: 2 })
    expect(warnings.map(({ code }) => code)).toEqual(['WARN_LLFT_NO_EFFECT', 'WARN_LLFT_NO_EFFECT'])
    expect(warnings[0]?.message).toMatch(/100 steps of a run of 4/)
    expect(warnings[1]?.message).toMatch(/evalEvery/)
  })

  it('writes a line on stderr where nobody listens', async () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    try {
      await run({ warmupSteps: 100, maxSteps: 4, onWarning: undefined })
      expect(write.mock.calls.map(([text]) => text)).toEqual([
        expect.stringMatching(/^llft: warning: the warm-up .*\(WARN_LLFT_NO_EFFECT\)\n$/),
      ])
    } finally {
      write.mockRestore()
    }
  })

  it('tells once of a handler that rejects, and goes on', async () => {
    const onEvent = async () => {
      throw new Error('the webhook is down')
    }
    const { steps, warnings } = await run({ onEvent, maxSteps: 4 })
    expect(steps).toBe(4)
    expect(warnings).toMatchObject([{ code: 'WARN_LLFT_HANDLER_FAILED' }])
    expect(warnings[0]?.message).toBe('onEvent rejected: the webhook is down')
  })
})

describe('peakResidentBytes', () => {
  it('is not what the process held before', async () => {
    Tensor.full([150 << 20], 1).dispose()
    await synchronize()
    trimMemory()
    await synchronize()
    const { peakResidentBytes } = await run({ maxSteps: 2 })
    const record = process.resourceUsage().maxRSS * 1024
    expect(peakResidentBytes).toBeGreaterThan(0)
    expect(peakResidentBytes).toBeLessThan(record - (300 << 20))
  })
})

import { type CausalLM, memoryStats, synchronize, Tensor, type TokenBatch } from '@llft/runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  freeze,
  NonFiniteError,
  Sgd,
  type TrainEvent,
  TrainingAbortedError,
  type TrainOptions,
  train,
  trainAllParameters,
  trainableParameters,
} from '../src/index.js'
import { batchOfRows, tinyModel, tinyRows } from './tiny-model.js'

const ROWS = tinyRows(8)
let model: CausalLM

beforeEach(() => {
  model = tinyModel()
  trainAllParameters(model)
})

afterEach(() => model.dispose())

/** Batches of `size` rows, in order. */
function inBatches(size: number): TokenBatch[] {
  return Array.from({ length: Math.ceil(ROWS.length / size) }, (_, i) =>
    batchOfRows(ROWS.slice(i * size, (i + 1) * size)),
  )
}

function run(options: Partial<TrainOptions> = {}) {
  const batches = inBatches(2)
  return train({
    model,
    batches: () => batches,
    batchesPerEpoch: batches.length,
    learningRate: 1e-2,
    ...options,
  })
}

function held() {
  const { handles, bytesInUse } = memoryStats()
  return { handles, bytesInUse }
}

describe('train', () => {
  it('learns the rows', async () => {
    const { losses, steps, tokens, trainedTokens } = await run({ epochs: 10 })
    expect(steps).toBe(40)
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2)
    expect(tokens).toBe(10 * ROWS.flat().length)
    expect(trainedTokens).toBe(tokens - 2 * 10 * ROWS.length)
  })

  it('counts four micro-batches of one row like one batch of four', async () => {
    const whole = await run({ batches: () => inBatches(4), batchesPerEpoch: 2, epochs: 5 })
    model.dispose()
    model = tinyModel()
    trainAllParameters(model)
    const parts = await run({
      batches: () => inBatches(1),
      batchesPerEpoch: 8,
      gradientAccumulation: 4,
      epochs: 5,
    })
    expect(parts.losses).toHaveLength(10)
    for (const [step, loss] of whole.losses.entries()) {
      expect(Math.abs((parts.losses[step] as number) - loss)).toBeLessThanOrEqual(1e-5)
    }
  })

  it('makes a step of what remains of an epoch', async () => {
    const events: TrainEvent[] = []
    const options = {
      gradientAccumulation: 3,
      epochs: 2,
      onEvent: (e: TrainEvent) => events.push(e),
    }
    const { steps } = await run(options)
    expect(steps).toBe(4)
    const epochs = events.flatMap((event) => (event.type === 'step' ? [event.epoch] : []))
    expect(epochs).toEqual([0.5, 1, 1.5, 2])
  })

  it('repeats the data up to maxSteps', async () => {
    const epochs: number[] = []
    const batches = (epoch: number) => {
      epochs.push(epoch)
      return inBatches(2)
    }
    expect((await run({ batches, maxSteps: 6 })).steps).toBe(6)
    expect(epochs).toEqual([0, 1])
  })

  it('tells of start, steps, evaluations and end in order', async () => {
    const events: TrainEvent[] = []
    await run({
      maxSteps: 3,
      evalEvery: 2,
      evalBatches: () => inBatches(8),
      warmupSteps: 1,
      onEvent: (event) => events.push(event),
    })
    const types = events.map((event) => event.type)
    expect(types).toEqual(['start', 'eval', 'step', 'step', 'eval', 'step', 'eval', 'end'])
    expect(events[0]).toMatchObject({
      totalSteps: 3,
      trainableParameters: 4944,
      totalParameters: 4944,
    })
    const steps = events.flatMap((event) => (event.type === 'step' ? [event] : []))
    expect(steps.map(({ lr }) => lr)).toEqual([0, 1e-2, 0.5e-2])
    for (const step of steps) {
      expect(step.gradNorm).toBeGreaterThan(0)
      expect(step.tokensPerSecond).toBeGreaterThan(0)
    }
    expect(steps[2]?.secondsLeft).toBe(0)
    expect(events.flatMap((event) => (event.type === 'eval' ? [event.step] : []))).toEqual([
      0, 2, 3,
    ])
  })

  it('evaluates each token alike, and the first step sees the same loss', async () => {
    const { losses, evalLosses } = await run({
      batches: () => inBatches(8),
      batchesPerEpoch: 1,
      maxSteps: 1,
      evalBatches: () => inBatches(3),
    })
    // Sums of 50 float32 losses of about 3.5 in another grouping.
    expect(Math.abs((evalLosses[0]?.loss as number) - (losses[0] as number))).toBeLessThan(1e-5)
  })

  it('clips the norm and reports it as it was', async () => {
    const parameters = trainableParameters(model)
    const before = await Promise.all(parameters.map(({ tensor }) => tensor.read()))
    let gradNorm = 0
    const optimizer = new Sgd([{ parameters }])
    await run({
      maxSteps: 1,
      optimizer,
      learningRate: 1,
      maxGradNorm: 0.25,
      schedule: 'constant',
      onEvent: (event) => {
        if (event.type === 'step') gradNorm = event.gradNorm
      },
    })
    optimizer.dispose()
    const after = await Promise.all(parameters.map(({ tensor }) => tensor.read()))
    let squares = 0
    for (const [i, values] of after.entries()) {
      for (const [j, value] of values.entries()) {
        squares += (value - ((before[i] as Float32Array)[j] as number)) ** 2
      }
    }
    expect(gradNorm).toBeGreaterThan(0.25)
    // Differences of weights below 1 carry 2^-24 each; 4944 of them against a norm of 0.25.
    expect(Math.abs(Math.sqrt(squares) - 0.25)).toBeLessThan(Math.sqrt(4944) * 2 ** -24 + 1e-5)
  })

  it('trains what is not frozen only', async () => {
    freeze(model)
    await expect(run()).rejects.toThrow(/must have trainable parameters/)
    const [, head] = [...model.modules()].find(([path]) => path === 'lm_head') as [string, CausalLM]
    head.setTrainable(true)
    const norm = [...model.parameters()].find(
      ([name]) => name === 'model.norm.weight',
    )?.[1] as Tensor
    const before = await norm.read()
    const { losses } = await run({ epochs: 5 })
    expect(losses.at(-1)).toBeLessThan(losses[0] as number)
    expect(await norm.read()).toEqual(before)
  })

  it('stops at a loss that is no number, naming step and examples', async () => {
    const weight = [...model.parameters()].find(
      ([name]) => name === 'model.norm.weight',
    )?.[1] as Tensor
    const onEvent = (event: TrainEvent) => {
      if (event.type !== 'step' || event.step !== 2) return
      const nan = Tensor.full(weight.shape, Number.NaN)
      weight.grad = nan
    }
    const error = await run({
      onEvent,
      epochs: 3,
      maxSkippedSteps: 1,
      describeBatch: (batch) => `${batch.ids.length} tokens`,
    }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NonFiniteError)
    const { step, examples, code, message } = error as NonFiniteError
    expect(code).toBe('ERR_LLFT_NON_FINITE')
    // The gradient is poisoned when step 2 is read, while step 3 is already enqueued.
    expect(step).toBe(4)
    expect(examples).toEqual([`${inBatches(2)[3]?.ids.length} tokens`])
    expect(message).toMatch(/step 4.*Examples/)
  })

  it('stops at an abort with the result so far', async () => {
    const controller = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'step' && event.step === 3) controller.abort(new Error('enough'))
    }
    const error = await run({ epochs: 50, onEvent, signal: controller.signal }).catch(
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(TrainingAbortedError)
    const { result, cause, code, message } = error as TrainingAbortedError
    expect(message).toBe(`train: was stopped by its AbortSignal after step ${result.steps}.`)
    expect(code).toBe('ERR_LLFT_ABORTED')
    expect(cause).toEqual(new Error('enough'))
    // The step that was in flight is completed.
    expect(result.steps).toBe(4)
    expect(result.losses).toHaveLength(4)
  })

  it.each([
    ['after a run', {}],
    ['after an evaluation', { evalBatches: () => inBatches(3) }],
    ['after an abort', { signal: AbortSignal.abort() }],
    ['after a failing callback', { onEvent: failAtStep }],
    ['after a failing batch', { batches: failingBatches }],
  ])('leaves no native memory behind %s', async (_, options) => {
    await synchronize()
    const before = held()
    // A model of its own: it keeps the rotary tables of its first forward until it is disposed of.
    const own = tinyModel()
    trainAllParameters(own)
    const parameters = [...own.parameters()].length
    await run({ ...(options as Partial<TrainOptions>), model: own }).catch(() => undefined)
    own.dispose()
    await synchronize()
    expect(parameters).toBe(21)
    expect(held()).toEqual(before)
  })

  it.each([
    [{ learningRate: Number.NaN }, /train.learningRate: must be a number; got NaN/],
    [{ learningrate: 1 } as object, /got 'learningrate'. Did you mean 'learningRate'/],
    [
      { optimizer: 'adam' as 'adamw' },
      /optimizer: must be an Optimizer or one of adamw, .* got 'adam'/,
    ],
    [{ epochs: 0 }, /epochs: .* got 0/],
    [{ maxSteps: 1.5 }, /maxSteps: .* got 1.5/],
    [{ gradientAccumulation: 0 }, /gradientAccumulation: .* got 0/],
    [{ maxGradNorm: -1 }, /maxGradNorm: .* got -1/],
    [{ evalEvery: 0 }, /evalEvery: .* got 0/],
    [{ batchesPerEpoch: 0 }, /batchesPerEpoch: .* got 0/],
  ])('refuses %j', async (options, message) => {
    await expect(run(options)).rejects.toMatchObject({ code: 'ERR_LLFT_CONFIG' })
    await expect(run(options)).rejects.toThrow(message)
  })
})

function failAtStep(event: TrainEvent): void {
  if (event.type === 'step') throw new Error('callback failed')
}

function* failingBatches() {
  yield inBatches(2)[0]
  throw new Error('no more data')
}

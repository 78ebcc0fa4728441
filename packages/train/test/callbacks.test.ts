import { type CausalLM, Tensor, type TokenBatch } from '@llft/runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type EvaluationRecord,
  judgeLoss,
  NonFiniteError,
  reasonToStop,
  type TrainCallback,
  type TrainOptions,
  train,
  trainAllParameters,
} from '../src/index.js'
import { batchOfRows, tinyModel, tinyRows } from './tiny-model.js'

const BATCHES: TokenBatch[] = tinyRows(4).map((row) => batchOfRows([row]))
let model: CausalLM

beforeEach(() => {
  model = tinyModel()
  trainAllParameters(model)
})

afterEach(() => model.dispose())

function run(options: Partial<TrainOptions> = {}) {
  return train({
    model,
    batches: () => BATCHES,
    batchesPerEpoch: BATCHES.length,
    learningRate: 1e-3,
    onWarning: () => undefined,
    ...options,
  })
}

/** Writes down what it is called with, each time after a turn of the event loop. */
function recorder(): { readonly calls: string[]; readonly callback: TrainCallback } {
  const calls: string[] = []
  const note = (name: string) => async (place: object) => {
    await new Promise((resolve) => setImmediate(resolve))
    calls.push(
      `${name} ${'index' in place ? `${Object(place).step}.${place.index}` : Object(place).step}`,
    )
  }
  const callback: TrainCallback = {
    beforeStep: note('beforeStep'),
    beforeMicroBatch: note('beforePass'),
    afterMicroBatch: note('afterPass'),
    afterStep: note('afterStep'),
    beforeEvaluation: note('beforeEvaluation'),
    afterEvaluation: note('afterEvaluation'),
    close: () => {
      calls.push('close')
    },
  }
  return { calls, callback }
}

describe('callbacks', () => {
  it('are called around steps, passes and evaluations, and awaited', async () => {
    const { calls, callback } = recorder()
    await run({ callbacks: [callback], gradientAccumulation: 2, evalBatches: () => BATCHES })
    expect(calls).toEqual([
      'beforeEvaluation 0',
      'afterEvaluation 0',
      'beforeStep 1',
      'beforePass 1.0',
      'afterPass 1.0',
      'beforePass 1.1',
      'afterPass 1.1',
      'beforeStep 2',
      'beforePass 2.0',
      'afterPass 2.0',
      'beforePass 2.1',
      'afterPass 2.1',
      // The figures of a step come while the next one is on the device.
      'afterStep 1',
      'afterStep 2',
      'beforeEvaluation 2',
      'afterEvaluation 2',
      'close',
    ])
  })

  it('end the run with what they throw, and are closed', async () => {
    const { calls, callback } = recorder()
    const broken: TrainCallback = {
      afterStep: () => {
        throw new Error('broken')
      },
    }
    await expect(run({ callbacks: [broken, callback] })).rejects.toThrow('broken')
    expect(calls.at(-1)).toBe('close')
  })

  it('stop the run early, evaluate and measure', async () => {
    const callback: TrainCallback = {
      beforeStep: ({ step }, control) => {
        if (step === 2) control.evaluate()
        if (step === 3) control.stop('enough')
      },
      measure: ({ step }) => ({ accuracy: step / 10 }),
    }
    const result = await run({ callbacks: [callback], evalBatches: () => BATCHES, epochs: 2 })
    expect([result.steps, result.stopReason]).toEqual([3, 'enough'])
    expect(result.evalLosses.map(({ step, metrics }) => [step, metrics])).toEqual([
      [0, { accuracy: 0 }],
      [2, { accuracy: 0.2 }],
    ])
  })
})

describe('early stopping', () => {
  const records = (...losses: number[]): EvaluationRecord[] =>
    losses.map((loss, index) => ({ step: 10 * index, loss, metrics: { accuracy: 1 / loss } }))

  it.each([
    ['waits for as many evaluations as it is told', [3, 2, 2.1, 2.2], { patience: 3 }, undefined],
    [
      'stops after them',
      [3, 2, 2.1, 2.2],
      { patience: 2 },
      /^loss did not improve on 2.0000 of step 10 in 2/,
    ],
    [
      'takes a small change for none',
      [3, 2, 1.99, 1.98],
      { patience: 2, minChange: 0.1 },
      /of step 10 in 2/,
    ],
    ['begins to wait anew at an improvement', [3, 2, 2.1, 1.9, 2.1], { patience: 2 }, undefined],
    [
      'takes another figure',
      [3, 2, 2.1],
      { patience: 1, metric: 'accuracy', greaterIsBetter: true },
      /^accuracy did not improve on 0.5000/,
    ],
    [
      'passes over evaluations without it',
      [3, 2, 2.1],
      { patience: 1, metric: 'other' },
      undefined,
    ],
  ] as const)('%s', (_, losses, options, expected) => {
    const reason = reasonToStop(records(...losses), options)
    if (expected === undefined) expect(reason).toBeUndefined()
    else expect(reason).toMatch(expected)
  })

  it('ends a run', async () => {
    const { steps, stopReason } = await run({
      evalBatches: () => BATCHES,
      evalEvery: 1,
      epochs: 5,
      learningRate: 2,
      schedule: 'constant',
      earlyStopping: { patience: 2 },
    })
    expect(stopReason).toMatch(/^loss did not improve/)
    expect(steps).toBeLessThan(20)
  })
})

describe('steps that are not finite', () => {
  async function value(): Promise<string> {
    const [, weight] = [...model.parameters()][0] as [string, Tensor]
    return (await weight.read()).join()
  }

  /** Puts NaN into the gradients of these steps. */
  function poison(...steps: number[]): TrainCallback {
    return {
      beforeStep: ({ step }) => {
        if (!steps.includes(step)) return
        const [, weight] = [...model.parameters()][0] as [string, Tensor]
        weight.grad = Tensor.full(weight.shape, Number.NaN)
      },
    }
  }

  it('are skipped, counted, and leave no trace in the parameters', async () => {
    const codes: string[] = []
    const onWarning = ({ code }: { code: string }) => codes.push(code)
    const before = await value()
    const all = await run({ callbacks: [poison(1, 2)], maxSteps: 2, onWarning })
    expect(all.skipped.map(({ step }) => step)).toEqual([1, 2])
    expect(codes).toEqual(['WARN_LLFT_STEP_SKIPPED', 'WARN_LLFT_STEP_SKIPPED'])
    expect(await value()).toBe(before)
    const some = await run({ callbacks: [poison(2)], maxSteps: 3 })
    expect([some.steps, some.skipped.length]).toEqual([3, 1])
    expect(await value()).not.toBe(before)
  })

  it('stop the run when there are too many in a row, with nothing learnt after the first', async () => {
    const before = await value()
    const failed = run({
      callbacks: [poison(1, 2, 3)],
      epochs: 3,
      describeBatch: ({ ids }) => `${ids.length} tokens`,
    })
    const error = await failed.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NonFiniteError)
    expect((error as NonFiniteError).step).toBe(3)
    expect((error as NonFiniteError).message).toContain(`${BATCHES[2]?.ids.length} tokens`)
    expect(await value()).toBe(before)
    const apart = await run({ callbacks: [poison(1, 2, 4, 5)], epochs: 3 })
    expect(apart.skipped).toHaveLength(4)
  })
})

describe('judgeLoss', () => {
  const curve = (first: number, last: number, steps = 100) =>
    Array.from({ length: steps }, (_, i) => first + ((last - first) * i) / (steps - 1))
  const judge = (losses: number[], held: number[] = [], totalSteps = 100) =>
    judgeLoss({
      losses,
      evalLosses: held.map((loss, index) => ({ step: 10 * index, loss })),
      totalSteps,
      learningRate: 2e-4,
    })

  it.each([
    ['nothing of a few steps', judge(curve(2.5, 1, 10)), undefined],
    ['a loss that falls', judge(curve(2.5, 1)), 'healthy'],
    ['a loss that stays', judge(curve(2.5, 2.49)), 'not learning'],
    [
      'a loss that stays for the first steps only',
      judge(curve(2.5, 2.49, 30), [], 1000),
      'healthy',
    ],
    ['a loss that falls and rises', judge([...curve(2.5, 1), ...curve(1, 2)]), 'exploding'],
    ['rows that are known by heart', judge(curve(2.5, 0.1)), 'over-fitting'],
    [
      'a gap to the held-out loss, which rises',
      judge(curve(2.5, 0.6), [2.5, 1.4, 1.6]),
      'over-fitting',
    ],
    [
      'a gap to a held-out loss that still falls',
      judge(curve(2.5, 0.6), [2.5, 1.6, 1.4]),
      'healthy',
    ],
  ])('sees %s', (_, verdict, kind) => {
    expect(verdict?.kind).toBe(kind)
    if (verdict && kind !== 'healthy') expect(verdict.advice).toMatch(/\d/)
  })
})

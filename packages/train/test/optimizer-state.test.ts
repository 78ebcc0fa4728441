import { memoryStats, synchronize, Tensor } from '@llft/runtime'
import { afterEach, describe, expect, it } from 'vitest'
import {
  Adafactor,
  AdamW,
  AdamW8bit,
  createOptimizer,
  Lion,
  OPTIMIZER_NAMES,
  type Optimizer,
  type OptimizerName,
  type Parameter,
  Sgd,
  train,
  trainAllParameters,
} from '../src/index.js'
import { batchOfRows, tinyModel, tinyRows } from './tiny-model.js'

const made: { dispose(): void }[] = []
afterEach(() => {
  for (const one of made.splice(0)) one.dispose()
})

function parameters(): Parameter[] {
  return [[80, 64], [9, 5], [4096], [7]].map((shape, index) => {
    const tensor = Tensor.normal(shape, { seed: index, std: 0.1 })
    tensor.requiresGrad = true
    made.push(tensor)
    return { name: `p${index}`, tensor }
  })
}

function take(optimizer: Optimizer, own: readonly Parameter[], from: number, to: number): void {
  const one = Tensor.from([1])
  for (let step = from; step < to; step++) {
    for (const { tensor } of own) tensor.grad = Tensor.normal(tensor.shape, { seed: 100 + step })
    optimizer.step(1e-3, one)
    optimizer.clearGradients()
  }
  one.dispose()
}

async function valuesOf(own: readonly Parameter[]): Promise<number[][]> {
  return Promise.all(own.map(async ({ tensor }) => [...(await tensor.read())]))
}

describe('every optimiser', () => {
  it.each(OPTIMIZER_NAMES)('%s goes on from its saved state with the same bits', async (name) => {
    const [whole, half] = [parameters(), parameters()]
    const through = createOptimizer(name, [{ parameters: whole }])
    take(through, whole, 0, 6)
    const before = createOptimizer(name, [{ parameters: half }])
    take(before, half, 0, 3)
    const after = createOptimizer(name, [{ parameters: half }])
    after.load(before.state())
    take(after, half, 3, 6)
    expect(await valuesOf(half)).toEqual(await valuesOf(whole))
    made.push(through, before, after)
  })

  it.each(OPTIMIZER_NAMES)('%s learns, and frees its state', async (name) => {
    await synchronize()
    const { bytesInUse } = memoryStats()
    const model = tinyModel()
    trainAllParameters(model)
    const batch = batchOfRows(tinyRows(6))
    const learningRate = { sgd: 1, lion: 3e-3 }[name as string] ?? 1e-2
    const { losses } = await train({
      model,
      optimizer: name,
      batches: () => [batch],
      batchesPerEpoch: 1,
      maxSteps: 30,
      schedule: 'constant',
      learningRate,
    })
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) - 1)
    model.dispose()
    await synchronize()
    expect(memoryStats().bytesInUse).toBe(bytesInUse)
  })

  it.each([
    [() => new AdamW([], { beta2: 1 }), 'AdamW.beta2: must be below 1; got 1.'],
    [() => new AdamW8bit([], { eps: -1 }), 'AdamW8bit.eps: must be at least 0; got -1.'],
    [
      () => new Lion([], { betas: 1 } as object),
      "Lion: must have known options only; got 'betas'. Did",
    ],
    [() => new Sgd([], { momentum: Number.NaN }), 'Sgd.momentum: must be a number; got NaN.'],
    [
      () => new Adafactor([], { clipThreshold: 0 }),
      'Adafactor.clipThreshold: must be above 0; got 0.',
    ],
  ])('refuses settings out of their range: %s', (make, message) => {
    expect(make).toThrow(message)
  })

  it('is refused by another name', () => {
    expect(() => createOptimizer('adam' as OptimizerName, [])).toThrow(
      /createOptimizer.optimizer: must be 'adamw', .*got 'adam'/,
    )
  })
})

describe('the state', () => {
  const bytesOf = (create: () => Optimizer) => {
    const before = memoryStats().bytesInUse
    made.push(create())
    return memoryStats().bytesInUse - before
  }
  const elements = 80 * 64 + 9 * 5 + 4096 + 7

  it('takes as much memory as it must', () => {
    const groups = [{ parameters: parameters() }]
    const round = (bytes: number) => Math.ceil(bytes / 64) * 64
    expect(bytesOf(() => new AdamW(groups))).toBeLessThan(8 * elements + 8 * 64)
    expect(bytesOf(() => new Lion(groups))).toBeLessThan(4 * elements + 4 * 64)
    // Two matrices as means of rows and columns, two vectors whole.
    const means = [80, 64, 9, 5, 4096, 7].reduce((sum, size) => sum + round(4 * size), 0)
    expect(bytesOf(() => new Adafactor(groups))).toBe(means)
    const codes = 2 * (round(80 * 64) + 4096) + 2 * (round(4 * 20) + round(4 * 16))
    const small = 2 * (round(4 * 45) + round(4 * 7))
    expect(bytesOf(() => new AdamW8bit(groups))).toBe(codes + small)
  })

  it('is elsewhere where it is paged, with the same numbers', async () => {
    for (const [Kind, name] of [
      [AdamW, 'AdamW'],
      [AdamW8bit, 'AdamW8bit'],
    ] as const) {
      const [inMemory, paged] = [parameters(), parameters()]
      const plain = new Kind([{ parameters: inMemory }], { weightDecay: 0.1 })
      let spilled: Optimizer | undefined
      const taken = bytesOf(() => {
        spilled = new Kind([{ parameters: paged }], { weightDecay: 0.1, paged: true })
        return spilled
      })
      expect(taken, name).toBe(0)
      take(plain, inMemory, 0, 4)
      take(spilled as Optimizer, paged, 0, 4)
      expect(await valuesOf(paged)).toEqual(await valuesOf(inMemory))
      made.push(plain)
    }
  })

  it('is not taken where it does not fit, and the folder is named where it is none', () => {
    const [plain, small] = [parameters(), parameters()]
    const state = new AdamW([{ parameters: plain }])
    const other = new AdamW8bit([{ parameters: small }])
    made.push(state, other)
    expect(() => other.load(state.state())).toThrow(/'p0.m' must be uint8 \[80, 64\]; got float32/)
    const pagedFolder = '/nowhere/at/all'
    expect(() => new AdamW([{ parameters: plain }], { paged: true, pagedFolder })).toThrow(
      /"\/nowhere\/at\/all" must be a folder/,
    )
  })
})

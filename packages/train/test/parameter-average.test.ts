import { copy, memoryStats, Tensor } from '@llft/runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Parameter, ParameterAverage } from '../src/index.js'

let parameters: Parameter[]

beforeEach(() => {
  parameters = [
    { name: 'a', tensor: Tensor.from([1, -2, 3]) },
    { name: 'b', tensor: Tensor.from([0.5, 0.25], [1, 2]) },
  ]
  for (const { tensor } of parameters) tensor.requiresGrad = true
})

afterEach(() => {
  for (const { tensor } of parameters) tensor.dispose()
})

function set(values: readonly number[][]): void {
  for (const [index, { tensor }] of parameters.entries()) {
    using next = Tensor.from(values[index] as number[], tensor.shape)
    copy(next, tensor)
  }
}

const valuesOf = async (tensors: readonly Tensor[]) =>
  Promise.all(tensors.map(async (tensor) => [...(await tensor.read())]))
const trained = () => valuesOf(parameters.map(({ tensor }) => tensor))
const averaged = (average: ParameterAverage) => valuesOf(Object.values(average.state().tensors))

describe('ParameterAverage', () => {
  it('begins with the parameters and moves towards them by 1 - decay', async () => {
    const average = new ParameterAverage(parameters, 0.75)
    expect(Object.keys(average.state().tensors)).toEqual(['a', 'b'])
    set([
      [5, -2, -1],
      [0.5, 4.25],
    ])
    average.update()
    expect(await averaged(average)).toEqual([
      [2, -2, 2],
      [0.5, 1.25],
    ])
    average.update()
    expect(await averaged(average)).toEqual([
      [2.75, -2, 1.25],
      [0.5, 2],
    ])
    average.dispose()
  })

  it('stays where the parameters stay, to the last bit, and comes to them in the end', async () => {
    set([
      [0.1, 1e-30, -7.77],
      [1 / 3, 1e30],
    ])
    const average = new ParameterAverage(parameters, 0.9999)
    for (let step = 0; step < 100; step++) average.update()
    expect(await averaged(average)).toEqual(await trained())
    average.dispose()
    const fast = new ParameterAverage(parameters, 0.5)
    set([
      [1, 2, 3],
      [4, 5],
    ])
    for (let step = 0; step < 200; step++) fast.update()
    // From 1e30 in 200 halvings, to where half of what is left no longer changes the last bit.
    for (const [index, values] of (await averaged(fast)).entries()) {
      for (const [at, value] of values.entries()) {
        const goal = [
          [1, 2, 3],
          [4, 5],
        ][index]?.[at] as number
        expect(Math.abs(value - goal)).toBeLessThanOrEqual(goal * 2 ** -22)
      }
    }
    fast.dispose()
  })

  it('puts the averages into the parameters and the trained ones back', async () => {
    const average = new ParameterAverage(parameters, 0.75)
    const before = await averaged(average)
    set([
      [9, 8, 7],
      [6, 5],
    ])
    const putBack = average.swap()
    expect(await trained()).toEqual(before)
    for (const method of ['update', 'swap', 'state'] as const) {
      expect(() => average[method]()).toThrow(
        `ParameterAverage.${method}: the parameters must be those that train; got the averages.`,
      )
    }
    putBack()
    putBack()
    expect(await trained()).toEqual([
      [9, 8, 7],
      [6, 5],
    ])
    expect(await averaged(average)).toEqual(before)
    average.swap()
    average.dispose()
    expect(await trained()).toEqual([
      [9, 8, 7],
      [6, 5],
    ])
  })

  it('leaves the averages in the parameters for good, swapped or not', async () => {
    for (const isSwapped of [false, true]) {
      const average = new ParameterAverage(parameters, 0.75)
      const before = await averaged(average)
      set([
        [9, 8, 7],
        [6, 5],
      ])
      if (isSwapped) average.swap()
      average.adopt()
      average.dispose()
      expect(await trained()).toEqual(before)
    }
  })

  it('goes on from a saved state, and refuses one of another model', async () => {
    const first = new ParameterAverage(parameters, 0.75)
    set([
      [9, 8, 7],
      [6, 5],
    ])
    first.update()
    const second = new ParameterAverage(parameters, 0.75)
    second.load(first.state())
    first.update()
    second.update()
    expect(await averaged(second)).toEqual(await averaged(first))
    const { a, b } = first.state().tensors as Record<'a' | 'b', Tensor>
    expect(() => second.load({ tensors: { a } })).toThrow(/'b' must be float32 \[1, 2\]; got noth/)
    expect(() => second.load({ tensors: { a: b, b } })).toThrow(
      /'a' must be float32 \[3\]; got float32 \[1, 2\]/,
    )
    first.dispose()
    second.dispose()
  })

  it('frees what it took', () => {
    const held = () => memoryStats().handles
    const before = held()
    const average = new ParameterAverage(parameters, 0.9)
    average.update()
    average.swap()()
    expect(held()).toBe(before + 2)
    average.dispose()
    expect(held()).toBe(before)
  })

  it.each([-0.1, 1, Number.NaN])('refuses a decay of %d', (decay) => {
    expect(() => new ParameterAverage(parameters, decay)).toThrow(/^ParameterAverage.decay: must/)
  })
})

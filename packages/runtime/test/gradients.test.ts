import { describe, it } from 'vitest'
import {
  add,
  addRmsNorm,
  attention,
  cast,
  concatColumns,
  crossEntropy,
  DenseWeight,
  dropout,
  embedding,
  gatherRows,
  linear,
  linearCrossEntropy,
  mul,
  mulColumns,
  randomState,
  reduceSum,
  rmsNorm,
  rope,
  scale,
  setRandomState,
  sliceColumns,
  sliceRows,
  splitColumns,
  swiglu,
  Tensor,
  view,
} from '../src/index.js'
import { expectGradients, type Inputs, irregular, leaf } from './finite-differences.js'

/** An input by name, of which the test knows that it is there. */
const of = (inputs: Inputs, name: string) => inputs[name] as Tensor

function ints(...values: number[]): Tensor {
  return Tensor.from(Int32Array.from(values))
}

describe('gradients by finite differences', () => {
  it('add, also of one tensor to itself', async () => {
    await expectGradients({ a: leaf([2, 3], 0), b: leaf([2, 3], 1) }, (t) =>
      add(add(of(t, 'a'), of(t, 'b')), of(t, 'a')),
    )
  })

  it('mul, also by itself', async () => {
    await expectGradients({ a: leaf([2, 3], 0), b: leaf([2, 3], 1) }, (t) => [
      mul(of(t, 'a'), of(t, 'b')),
      mul(of(t, 'a'), of(t, 'a')),
    ])
  })

  it('scale and cast', async () => {
    await expectGradients({ x: leaf([4, 2], 0) }, (t) => cast(scale(of(t, 'x'), -2.5), 'float32'))
  })

  it('mulColumns', async () => {
    await expectGradients({ x: leaf([3, 4], 0), v: leaf([4], 1) }, (t) =>
      mulColumns(of(t, 'x'), of(t, 'v')),
    )
  })

  it('reduceSum of a product, with a gradient that the host does not know', async () => {
    await expectGradients({ x: leaf([3, 5], 0) }, (t) => {
      const sum = reduceSum(of(t, 'x'))
      return mul(sum, sum)
    })
  })

  it('view, sliceRows, sliceColumns, splitColumns, concatColumns', async () => {
    await expectGradients({ x: leaf([4, 6], 0) }, (t) => {
      const x = of(t, 'x')
      const [first, , last] = splitColumns(x, [1, 3, 2]) as [Tensor, Tensor, Tensor]
      return [
        view(sliceRows(x, 1, 2), [3, 4]),
        sliceColumns(x, 0, 2),
        sliceColumns(x, 2, 3),
        concatColumns([last, first, mul(x, x)]),
      ]
    })
  })

  it('gatherRows, a row twice', async () => {
    const rows = ints(2, 0, 2)
    await expectGradients({ x: leaf([3, 4], 0) }, (t) => gatherRows(of(t, 'x'), rows))
    rows.dispose()
  })

  it('embedding, a token twice', async () => {
    const ids = ints(1, 4, 1, 0)
    await expectGradients({ weight: leaf([5, 3], 0) }, (t) => embedding(of(t, 'weight'), ids))
    ids.dispose()
  })

  it('linear with a bias', async () => {
    await expectGradients({ x: leaf([5, 3], 0), w: leaf([4, 3], 1), bias: leaf([4], 2) }, (t) =>
      linear(of(t, 'x'), of(t, 'w'), { bias: of(t, 'bias') }),
    )
  })

  it('linear of three axes', async () => {
    await expectGradients({ x: leaf([2, 3, 3], 0), w: leaf([4, 3], 1) }, (t) =>
      linear(of(t, 'x'), of(t, 'w')),
    )
  })

  it('linear with a fused adapter', async () => {
    const inputs = {
      x: leaf([5, 3], 0),
      w: leaf([4, 3], 1),
      a: leaf([2, 3], 2),
      b: leaf([4, 2], 3),
    }
    await expectGradients(inputs, (t) =>
      linear(of(t, 'x'), of(t, 'w'), { lora: { a: of(t, 'a'), b: of(t, 'b'), scale: 1.5 } }),
    )
  })

  it('linear with a fused adapter, a frozen storage, a bias and dropout', async () => {
    const w = leaf([4, 3], 1)
    w.requiresGrad = false
    const weight = new DenseWeight(w)
    const inputs = {
      x: leaf([8, 3], 0),
      bias: leaf([4], 4),
      a: leaf([2, 3], 2),
      b: leaf([4, 2], 3),
    }
    const before = randomState()
    await expectGradients(inputs, (t) => {
      setRandomState({ seed: 5, offset: 0 })
      const lora = { a: of(t, 'a'), b: of(t, 'b'), scale: 0.5, dropout: 0.4 }
      return linear(of(t, 'x'), weight, { bias: of(t, 'bias'), lora })
    })
    setRandomState(before)
    weight.dispose()
  })

  it('dropout with the same mask', async () => {
    await expectGradients({ x: leaf([6, 4], 0) }, (t) => {
      setRandomState({ seed: 3, offset: 8 })
      return dropout(of(t, 'x'), 0.5)
    })
  })

  it('rmsNorm', async () => {
    await expectGradients({ x: leaf([3, 8], 0), weight: leaf([8], 1, 1) }, (t) =>
      rmsNorm(of(t, 'x'), of(t, 'weight'), 1e-5),
    )
  })

  it('addRmsNorm, both outputs and each alone', async () => {
    const inputs = () => ({ x: leaf([3, 8], 0), r: leaf([3, 8], 1), weight: leaf([8], 2, 1) })
    const run = (t: Inputs) => addRmsNorm(of(t, 'x'), of(t, 'r'), of(t, 'weight'), 1e-5)
    await expectGradients(inputs(), (t) => {
      const { y, sum } = run(t)
      return [y, sum]
    })
    await expectGradients(inputs(), (t) => run(t).y)
    const { x, r, weight } = inputs()
    weight.requiresGrad = false
    await expectGradients({ x, r, weight }, (t) => run(t).sum)
  })

  it('rope of a part of the columns', async () => {
    const angles = Float32Array.from({ length: 10 }, (_, index) => irregular(index, 9))
    const tables = {
      cosines: Tensor.from(angles.map(Math.cos), [5, 2]),
      sines: Tensor.from(angles.map(Math.sin), [5, 2]),
    }
    const positions = ints(0, 3, 1)
    await expectGradients({ x: leaf([3, 2, 6], 0) }, (t) => rope(of(t, 'x'), tables, positions))
    for (const tensor of [tables.cosines, tables.sines, positions]) tensor.dispose()
  })

  it.each([0, 2])('attention of two sequences with grouped heads, window %i', async (window) => {
    const inputs = { q: leaf([5, 4, 4], 0), k: leaf([5, 2, 4], 1), v: leaf([5, 2, 4], 2) }
    const segments = [0, 2, 0, 2, 2, 3, 2, 3]
    await expectGradients(inputs, (t) =>
      attention(of(t, 'q'), of(t, 'k'), of(t, 'v'), { segments, window }),
    )
  })

  it('swiglu', async () => {
    await expectGradients({ gate: leaf([3, 4], 0), up: leaf([3, 4], 1) }, (t) =>
      swiglu(of(t, 'gate'), of(t, 'up')),
    )
  })

  it.each([0, 0.2])('crossEntropy smoothed by %d, plain and scaled', async (smoothing) => {
    const labels = ints(2, -100, 0)
    await expectGradients({ logits: leaf([3, 4], 0), factor: leaf([1], 1) }, (t) => {
      const loss = () => crossEntropy(of(t, 'logits'), labels, smoothing)
      return [loss(), scale(loss(), 0.25), mul(loss(), of(t, 'factor'))]
    })
    labels.dispose()
  })

  it.each([0, 0.2])('linearCrossEntropy smoothed by %d, plain and scaled', async (smoothing) => {
    const labels = ints(2, -100, 0, 4)
    const inputs = { x: leaf([4, 3], 0), w: leaf([5, 3], 1), factor: leaf([1], 2) }
    await expectGradients(inputs, (t) => {
      const loss = () => linearCrossEntropy(of(t, 'x'), of(t, 'w'), labels, smoothing)
      return [loss(), mul(loss(), of(t, 'factor'))]
    })
    labels.dispose()
  })
})

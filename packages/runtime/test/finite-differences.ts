import { expect } from 'vitest'
import { add, backward, copy, mul, noGrad, reduceSum, scope, Tensor } from '../src/index.js'

/** Inputs of an op by name: float32 leaves. */
export type Inputs = Record<string, Tensor>

/** A fixed, irregular number in [-1, 1] for element `index`: weights of the outputs, and values of the inputs. */
export function irregular(index: number, seed = 0): number {
  return Math.sin(12.9898 * (index + 1) + 78.233 * (seed + 1))
}

export function leaf(shape: readonly number[], seed: number, shift = 0): Tensor {
  const size = shape.reduce((product, n) => product * n, 1)
  const data = Float32Array.from({ length: size }, (_, index) => irregular(index, seed) + shift)
  const tensor = Tensor.from(data, shape)
  tensor.requiresGrad = true
  return tensor
}

const STEP = 2 ** -6

/**
 * Compares the tape's gradient of L = sum(c * f(inputs)), with fixed c, against central differences.
 *
 * Step h = 2^-6. Rounding: outputs are float32, with magnitudes of a few units and at most some hundred of them, so L
 * (summed here in double) is off by about 2^-24 * 10, which the quotient raises by 1/h to 4e-5. Truncation: h^2 / 6
 * times the third derivative, 4e-5 for derivatives of order 1, as the smooth functions here have at arguments of
 * order 1. The bound is 10 times their sum, relative to the largest gradient where that is above 1.
 */
export async function expectGradients(
  inputs: Inputs,
  f: (inputs: Inputs) => Tensor | readonly Tensor[],
): Promise<void> {
  const outputs = scope(() => noGrad(() => [f(inputs)].flat()))
  const weights = outputs.map((y, at) =>
    Tensor.from(
      Float32Array.from({ length: y.size }, (_, index) => irregular(index, 50 + at)),
      y.shape,
    ),
  )
  const value = async () => {
    const now = scope(() => noGrad(() => [f(inputs)].flat()))
    let sum = 0
    for (const [at, y] of now.entries()) {
      const values = await y.read()
      values.forEach((v, index) => {
        sum += v * irregular(index, 50 + at)
      })
      y.dispose()
    }
    return sum
  }
  scope(() => {
    const terms = [f(inputs)].flat().map((y, at) => reduceSum(mul(y, weights[at] as Tensor)))
    backward(terms.reduce((sum, term) => add(sum, term)))
  })
  for (const [name, input] of Object.entries(inputs)) {
    if (input.requiresGrad) await compare(name, input, value)
  }
  for (const tensor of [...outputs, ...weights, ...Object.values(inputs)]) tensor.dispose()
}

async function compare(name: string, input: Tensor, value: () => Promise<number>): Promise<void> {
  expect(input.grad, `gradient of ${name}`).toBeDefined()
  const grad = (await (input.grad as Tensor).read()) as Float32Array
  const largest = grad.reduce((most, g) => Math.max(most, Math.abs(g)), 0)
  const bound = 8e-4 * Math.max(1, largest)
  const start = Float32Array.from(await input.read())
  const numeric: number[] = []
  for (const [index, at] of start.entries()) {
    const sides: number[] = []
    for (const step of [STEP, -STEP]) {
      const moved = Float32Array.from(start)
      moved[index] = at + step
      setValues(input, moved)
      sides.push(await value())
    }
    numeric.push(((sides[0] as number) - (sides[1] as number)) / (2 * STEP))
  }
  setValues(input, start)
  for (const [index, expected] of numeric.entries()) {
    expect(Math.abs((grad[index] as number) - expected), `${name}[${index}]`).toBeLessThan(bound)
  }
}

function setValues(tensor: Tensor, values: Float32Array): void {
  scope(() => copy(Tensor.from(values, tensor.shape), tensor))
}

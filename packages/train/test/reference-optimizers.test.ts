import { readFileSync } from 'node:fs'
import { adamw8bitStep, Tensor } from '@llft/runtime'
import { afterEach, describe, expect, it } from 'vitest'
import { Adafactor, type AdafactorSettings } from '../src/index.js'

/** Tensors of `fixtures/optimizers.safetensors`, which `fixtures/make_fixtures.py` wrote. */
const FIXTURE = readFileSync(new URL('./fixtures/optimizers.safetensors', import.meta.url))
const HEADER = Number(FIXTURE.readBigUInt64LE(0))
const ENTRIES = JSON.parse(FIXTURE.toString('utf8', 8, 8 + HEADER)) as Record<
  string,
  { shape: number[]; data_offsets: [number, number] }
>

function fixture(name: string): { values: Float32Array; shape: number[] } {
  const { shape, data_offsets: offsets } = ENTRIES[name] as (typeof ENTRIES)[string]
  const [begin, end] = offsets.map((offset) => 8 + HEADER + offset)
  return { values: new Float32Array(new Uint8Array(FIXTURE.subarray(begin, end)).buffer), shape }
}

const made: { dispose(): void }[] = []
afterEach(() => {
  for (const one of made.splice(0)) one.dispose()
})

function tensor(name: string): Tensor {
  const { values, shape } = fixture(name)
  const made_ = Tensor.from(values, shape)
  made.push(made_)
  return made_
}

/** Largest difference of the parameter from that of the reference, after each step. */
async function differences(
  name: string,
  steps: number,
  step: (param: Tensor, grad: Tensor, one: Tensor, step: number) => void,
): Promise<Float32Array[]> {
  const param = tensor(`${name}.param.0`)
  const one = Tensor.from([1])
  made.push(one)
  const all: Float32Array[] = []
  for (let count = 0; count < steps; count++) {
    step(param, tensor(`${name}.grad.${count}`), one, count + 1)
    const expected = fixture(`${name}.param.${count + 1}`).values
    const got = (await param.read()) as Float32Array
    all.push(got.map((value, i) => Math.abs(value - (expected[i] as number))))
  }
  return all
}

const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, b), 0)

describe('Adafactor', () => {
  const cases: [string, AdafactorSettings][] = [
    ['adafactor.matrix', {}],
    ['adafactor.vector', { scaleParameter: false, clipThreshold: 0.5 }],
    ['adafactor.full', { beta1: 0.9, weightDecay: 0.1, relativeStep: true, warmupInit: true }],
  ]
  it.each(cases)('%s steps as in transformers', async (name, settings) => {
    let optimizer: Adafactor | undefined
    const all = await differences(name, 5, (param, grad, one) => {
      if (optimizer === undefined) {
        optimizer = new Adafactor([{ parameters: [{ name: 'p', tensor: param }] }], settings)
        made.push(optimizer)
      }
      param.grad = grad
      optimizer.step(1e-2, one)
      param.grad = undefined
    })
    // Both sides round numbers below 1 some ten times in each of 5 steps.
    for (const errors of all) expect(largest(errors)).toBeLessThan(5 * 10 * 2 ** -24)
  })
})

describe('AdamW with 8-bit moments', () => {
  it('steps as in bitsandbytes, but for codes that its table rounds to a neighbour', async () => {
    const shape = fixture('adamw8bit.param.0').shape
    const blocks = ((shape[0] as number) * (shape[1] as number)) / 256
    const [m, v] = [Tensor.zeros(shape, 'uint8'), Tensor.zeros(shape, 'uint8')]
    const [mAbsmax, vAbsmax] = [Tensor.zeros([blocks]), Tensor.zeros([blocks])]
    made.push(m, v, mAbsmax, vAbsmax)
    const rates = { lr: 1e-2, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 }
    const all = await differences('adamw8bit', 12, (param, grad, gradFactor, step) =>
      adamw8bitStep({ param, grad, m, v, mAbsmax, vAbsmax, gradFactor }, { ...rates, step }),
    )
    // The first step has no state yet: three roundings of a number below 0.5.
    expect(largest(all[0] as Float32Array)).toBeLessThan(3 * 2 ** -25)
    // The reference's CPU code looks codes up in a table of 2^16 parts of [-1, 1]. A code differs only where a
    // boundary lies in the same part, which is so for one value in some tens; then the moment is off by one step of
    // the map, and the parameter by less than the learning rate. Everything else stays at rounding errors.
    for (const errors of all) {
      const off = errors.filter((error) => error > 12 * 6 * 2 ** -24)
      expect(off.length).toBeLessThan(errors.length / 8)
      expect(largest(errors)).toBeLessThan(rates.lr)
    }
  })
})

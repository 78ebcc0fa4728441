import { fileURLToPath } from 'node:url'
import {
  backward,
  batchOf,
  type CausalLM,
  deviceInfo,
  Linear,
  noGrad,
  RmsNorm,
  scope,
} from '@llft/runtime'
import { describe, expect, it } from 'vitest'
import { loadQuantizedModel, type QuantizationOptions, QuantizedWeight } from '../src/index.js'

const SOURCE = fileURLToPath(
  new URL('../../../tests/golden/models/llama3-gqa-rope', import.meta.url),
)
/** The kernels for few rows round on any x86, those for many with AVX2 alone. */
const LENGTHS = [4, 12]

function load(quantization: QuantizationOptions): Promise<CausalLM> {
  return loadQuantizedModel(SOURCE, { dtype: 'float32', quantization })
}

function tokens(length: number): number[][] {
  return [Array.from({ length }, (_, i) => i + 1)]
}

async function logitsOf(
  model: CausalLM,
  length: number,
  within: <T>(fn: () => T) => T,
): Promise<Float32Array> {
  using logits = scope(() => within(() => model.logits(model.forward(batchOf(tokens(length))))))
  return (await logits.read()) as Float32Array
}

/** Of a step that recomputes its layers: their first run is without the tape, and still training. */
async function recomputedGradient(model: CausalLM, length: number): Promise<Float32Array> {
  const norms = [...model.modules()].flatMap(([, m]) => (m instanceof RmsNorm ? [m] : []))
  for (const norm of norms) norm.setTrainable(true)
  model.gradientCheckpointing = true
  const targets = Int32Array.from({ length }, (_, i) => (i + 1 < length ? i + 2 : -100))
  const { loss } = model.loss({ ...batchOf(tokens(length)), targets })
  backward(loss)
  loss.dispose()
  return (await norms[0]!.weight.grad!.read()) as Float32Array
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
}

describe.each(['nf4', 'int8'] as const)('%s in fixed point', (format) => {
  it.each(LENGTHS)('rounds where no gradient is wanted, %i tokens', async (length) => {
    const [exact, fixed] = [await load({ format, fixedPoint: false }), await load({ format })]
    const reference = await logitsOf(exact, length, noGrad)
    const rounded = await logitsOf(fixed, length, noGrad)
    const { isa } = deviceInfo()
    const rounds = length === 4 ? isa.startsWith('avx') : isa === 'avx2'
    const difference = largestDifference(rounded, reference)
    expect(difference > 0).toBe(rounds)
    // Activations keep 14 bits and codebooks 12: a relative 2^-12 of each product, times a few layers.
    expect(difference).toBeLessThan(Math.max(...reference.map(Math.abs)) * 2 ** -12 * 8)
    exact.dispose()
    fixed.dispose()
  })

  it.each(LENGTHS)('trains with the bits of the exact path, %i tokens', async (length) => {
    const [exact, fixed] = [await load({ format, fixedPoint: false }), await load({ format })]
    expect(await logitsOf(fixed, length, (fn) => fn())).toEqual(
      await logitsOf(exact, length, (fn) => fn()),
    )
    expect(await recomputedGradient(fixed, length)).toEqual(await recomputedGradient(exact, length))
    exact.dispose()
    fixed.dispose()
  })
})

it('is an option of loading', async () => {
  for (const fixedPoint of [true, false]) {
    const model = await load({ fixedPoint })
    const weights = [...model.modules()].flatMap(([, m]) => (m instanceof Linear ? [m.weight] : []))
    const codes = weights.filter((weight) => weight instanceof QuantizedWeight)
    expect(codes.length).toBeGreaterThan(0)
    expect(codes.every((weight) => weight.fixedPoint === fixedPoint)).toBe(true)
    model.dispose()
  }
  await expect(load({ fixedPoint: 1 as unknown as boolean })).rejects.toThrow(
    'quantization.fixedPoint: must be true or false; got 1.',
  )
})

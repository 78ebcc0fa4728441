import { fileURLToPath } from 'node:url'
import { batchOf, type CausalLM, Linear, noGrad, scope } from '@llft/runtime'
import { expect, it } from 'vitest'
import { loadQuantizedModel, type QuantizationOptions, QuantizedWeight } from '../src/index.js'

const SOURCE = fileURLToPath(
  new URL('../../../tests/golden/models/llama3-gqa-rope', import.meta.url),
)
/** Twelve tokens are many rows, of which no kernel for a few takes care. */
const TOKENS = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]

function load(quantization: QuantizationOptions): Promise<CausalLM> {
  return loadQuantizedModel(SOURCE, { dtype: 'float32', quantization })
}

async function logitsOf(model: CausalLM, within: <T>(fn: () => T) => T): Promise<Float32Array> {
  using logits = scope(() => within(() => model.logits(model.forward(batchOf(TOKENS)))))
  return (await logits.read()) as Float32Array
}

function fixedPointOf(model: CausalLM): boolean[] {
  return [...model.modules()].flatMap(([, module]) =>
    module instanceof Linear && module.weight instanceof QuantizedWeight
      ? [module.weight.fixedPoint]
      : [],
  )
}

it.each(['nf4', 'int8'] as const)('%s: rounds activations, but not in training', async (format) => {
  const exact = await load({ format, fixedPoint: false })
  const fixed = await load({ format })
  expect(new Set(fixedPointOf(exact))).toEqual(new Set([false]))
  expect(new Set(fixedPointOf(fixed))).toEqual(new Set([true]))
  const training = <T>(fn: () => T): T => fn()
  const reference = await logitsOf(exact, noGrad)
  expect(await logitsOf(fixed, training)).toEqual(reference)
  const rounded = await logitsOf(fixed, noGrad)
  const largest = Math.max(...reference.map(Math.abs))
  // Activations keep 14 bits and codebooks 12: a relative 2^-12 of each product, times a few layers.
  const bound = largest * 2 ** -12 * 8
  expect(Math.max(...rounded.map((value, i) => Math.abs(value - reference[i]!)))).toBeLessThan(
    bound,
  )
  exact.dispose()
  fixed.dispose()
})

it('says what fixedPoint must be', () =>
  expect(load({ fixedPoint: 1 as unknown as boolean })).rejects.toThrow(
    'quantization.fixedPoint: must be true or false; got 1.',
  ))

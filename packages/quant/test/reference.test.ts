import { noGrad, scope, Tensor } from '@llft/runtime'
import { SafetensorsFile } from '@llft/safetensors'
import { describe, expect, it } from 'vitest'
import { readCodebooks } from '../src/codebooks.js'
import { QuantizedWeight, quantizationConfig } from '../src/index.js'
import {
  ALL_CASES,
  hasAllCases,
  OWN_CASES,
  type QuantCase,
  readFloats,
  readQuantCases,
} from './reference.js'

if (!hasAllCases)
  console.warn(`SKIPPED: the other cases of bitsandbytes; ${ALL_CASES} is not there`)
const cases = await readQuantCases(hasAllCases ? ALL_CASES : OWN_CASES)

function quantize({ weight, shape, format, block, offset }: QuantCase): QuantizedWeight {
  const doubleQuantization = offset !== undefined
  const config = quantizationConfig({ format, blockSize: block, doubleQuantization })
  return scope(() => QuantizedWeight.quantize(Tensor.from(weight, shape), config))
}

/** Distance in units in the last place. */
function ulps(a: Float32Array, b: Float32Array): number {
  const [x, y] = [new Int32Array(a.buffer), new Int32Array(b.buffer)]
  return Math.max(...x.map((bits, i) => (a[i] === b[i] ? 0 : Math.abs(bits - (y[i] as number)))))
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))))
}

describe('what bitsandbytes says', () => {
  it.each(cases.map((c) => [c.name, c] as const))('%s', async (_, golden) => {
    const weight = quantize(golden)
    const { codes, absmax, nestedAbsmax, offset } = weight.matrix
    expect(Buffer.from((await codes.read()) as Uint8Array).equals(golden.packed)).toBe(true)
    expect(await absmax.read()).toEqual(golden.absmax)
    expect(await nestedAbsmax?.read()).toEqual(golden.nestedAbsmax)
    expect(await offset?.item()).toEqual(golden.offset)
    const floats = noGrad(() => weight.rows(0, golden.shape[0]))
    const values = (await floats.read()) as Float32Array
    // Where rows are a part of a block, the CPU build of the reference expands most of them with the scale of another
    // row, a hundred times off its own weights: there, these are what to stay near.
    const [, columns] = golden.shape
    if (columns < golden.block && golden.block % columns === 0) {
      expect(largestDifference(values, golden.weight)).toBeLessThan(1.7 / 6 + 0.01)
    } else {
      expect(ulps(values, golden.dequantized)).toBeLessThanOrEqual(1)
    }
    floats.dispose()
    weight.dispose()
  })

  it('has the same codebooks', async () => {
    const file = await SafetensorsFile.open(OWN_CASES)
    const { nf4, fp4, dynamic } = await readCodebooks()
    expect(Float32Array.from(nf4)).toEqual(await readFloats(file, 'code.nf4'))
    expect(Float32Array.from(fp4)).toEqual(await readFloats(file, 'code.fp4'))
    expect(Float32Array.from(dynamic)).toEqual(await readFloats(file, 'code.dynamic8'))
  })
})

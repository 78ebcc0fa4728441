import { dequantizeAbsmax, NESTED_BLOCK, scope, Tensor } from '@llft/runtime'
import type { Codebooks } from './quant-state.js'

const third = Math.fround(1 / 3)
const FP4_MAGNITUDES = [0, 0.0625 / 12, 8 / 12, 1, third, 0.5, 2 / 12, 0.25].map(Math.fround)

export const NF4_VALUES: readonly number[] = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
  0.7229568362236023, 1,
]
export const FP4_VALUES: readonly number[] = [
  ...FP4_MAGNITUDES,
  ...FP4_MAGNITUDES.map((value) => 0 - value),
]

/** The values that codes stand for; those of the dynamic map come from the kernels. */
export async function readCodebooks(): Promise<Codebooks> {
  const values = scope(() => {
    const codes = Tensor.from(
      Uint8Array.from({ length: NESTED_BLOCK }, (_, code) => code),
      [NESTED_BLOCK],
      'uint8',
    )
    return dequantizeAbsmax(codes, Tensor.from([1]), Tensor.from([0]))
  })
  const dynamic = (await values.read()) as Float32Array
  values.dispose()
  return { nf4: NF4_VALUES, fp4: FP4_VALUES, dynamic }
}

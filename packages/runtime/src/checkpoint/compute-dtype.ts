import type { DType } from '@llft/native'
import { oneOf } from '@llft/options'
import type { z } from 'zod'
import { deviceInfo } from '../device.js'

/** float32, bfloat16, or what suits machine and checkpoint. */
export type ComputeDtype = 'float32' | 'bfloat16' | 'auto'

/** What `dtype` of the options may be. */
export const computeDtypes = oneOf([
  'float32',
  'bfloat16',
  'auto',
]) satisfies z.ZodType<ComputeDtype>

const HALVES: readonly unknown[] = ['bfloat16', 'float16'] satisfies DType[]

/**
 * The type of weights and activations that `asked` means: 'auto' is bfloat16 where the machine multiplies it natively
 * and some weights are stored in 16 bits, else float32. Codes of quantised weights say nothing.
 *
 * @param stored types of the stored weights, as tensors have them
 */
export function resolveDtype(asked: ComputeDtype, stored: Iterable<string | undefined>): DType {
  if (asked !== 'auto') return asked
  const halves = [...stored].some((dtype) => HALVES.includes(dtype))
  return halves && deviceInfo().isa.endsWith('bf16') ? 'bfloat16' : 'float32'
}

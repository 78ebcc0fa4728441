import type { Addon } from '@llft/native'

/** What the machine reaches now with as many threads as ops use. */
export interface MachinePeak {
  /** Multiply-adds in registers with the best instructions in use, each two operations, per second. */
  readonly float32: number
  readonly bfloat16: number
  /** Bytes per second read from memory. */
  readonly bandwidth: number
}

/** Measures for some 0.3 s, after what has been enqueued. */
export async function machinePeakOf(addon: Addon): Promise<MachinePeak> {
  const handle = addon.machinePeak()
  const bytes = addon.read(handle)
  addon.release(handle)
  const [float32 = 0, bfloat16 = 0, bandwidth = 0] = new Float32Array(await bytes)
  return { float32, bfloat16, bandwidth }
}

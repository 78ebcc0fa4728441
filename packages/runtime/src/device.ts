import type { DeviceInfo, MemoryStats } from '@llft/native'
import { native } from './native.js'

export type { DeviceInfo, DType, MemoryStats, QuantFormat } from '@llft/native'

/** Resolves when everything enqueued so far has run. @throws the first error of a kernel since `reset`. */
export function synchronize(): Promise<void> {
  return native().synchronize()
}

/** Instruction set and threads in use. */
export function deviceInfo(): DeviceInfo {
  return native().deviceInfo()
}

/** Live handles and bytes of native memory. */
export function memoryStats(): MemoryStats {
  return native().memoryStats()
}

/** Starts `memoryStats().peakBytes` anew from what is in use. */
export function resetPeakMemory(): void {
  native().resetPeakMemory()
}

/** Gives freed memory that is kept for reuse back to the operating system. */
export function trimMemory(): void {
  native().trimMemory()
}

/** Makes the device take work again after a kernel failed. */
export function reset(): void {
  native().reset()
}

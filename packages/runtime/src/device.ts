import type { DeviceInfo, MemoryStats } from '@llft/native'
import { type MachinePeak, machinePeakOf } from './machine-peak.js'
import { native } from './native.js'
import { rejectPromise } from './scope.js'

export type { BlockFormat, DeviceInfo, DType, MemoryStats, QuantFormat } from '@llft/native'

/** Resolves when everything enqueued so far has run. An error of a computation reaches who reads what it was to make. */
export function synchronize(): Promise<void> {
  return native().synchronize()
}

/** Instruction set and threads in use. */
export function deviceInfo(): DeviceInfo {
  return native().deviceInfo()
}

/** What the machine reaches now. Takes some 0.3 s after what has been enqueued. */
export function measureMachinePeak(): Promise<MachinePeak> {
  return machinePeakOf(native())
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

/** Native memory of a dry run between two of its marks, in bytes. */
export interface DryRunMark {
  readonly name: string
  /** In use at the mark. */
  readonly bytesInUse: number
  /** Largest in use since the mark before. */
  readonly peakBytes: number
}

/** What a dry run gave and would have taken. */
export interface DryRun<T> {
  readonly value: T
  /** Largest native memory in use at once, in bytes: what `memoryStats().peakBytes` would say. */
  readonly peakBytes: number
  /** The same with the holes between live tensors: what the process would hold. */
  readonly footprintBytes: number
  /** In the order in which they were set; the last one, `end`, is set by the end of the run. */
  readonly marks: readonly DryRunMark[]
}

let running = false

/** Whether `dryRun` is in progress. */
export function inDryRun(): boolean {
  return running
}

/**
 * Runs `fn` with tensors that have sizes but no memory, and ops that check their arguments but compute nothing.
 * As memory is reused in the order of the program, the peak is that of the real run.
 *
 * Tensors made in it must not be used after it, except to dispose of them; real ones that it uses keep their values.
 *
 * @throws DeviceError where `fn` reads a tensor, or within another dry run. ConfigError if `fn` returns a promise.
 */
export function dryRun<T>(fn: (mark: (name: string) => void) => T): DryRun<T> {
  const addon = native()
  addon.beginDryRun()
  running = true
  try {
    const marks: DryRunMark[] = []
    let footprintBytes = 0
    const mark = (name: string): void => {
      const { bytesInUse, peakBytes, peakFootprintBytes } = addon.memoryStats()
      marks.push({ name, bytesInUse, peakBytes })
      footprintBytes = Math.max(footprintBytes, peakFootprintBytes)
      addon.resetPeakMemory()
    }
    const value = fn(mark)
    rejectPromise('dryRun', value)
    mark('end')
    const peakBytes = marks.reduce((most, mark) => Math.max(most, mark.peakBytes), 0)
    return { value, peakBytes, footprintBytes, marks }
  } finally {
    running = false
    addon.endDryRun()
  }
}

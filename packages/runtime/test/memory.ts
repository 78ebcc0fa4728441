import { expect } from 'vitest'
import { memoryStats, synchronize } from '../src/index.js'

/** Live handles and bytes. */
export function held(): { handles: number; bytesInUse: number } {
  const { handles, bytesInUse } = memoryStats()
  return { handles, bytesInUse }
}

/** Runs `fn` and expects that native memory is afterwards what it was before. */
export async function expectNoLeak(fn: () => unknown): Promise<void> {
  await synchronize()
  const before = held()
  await fn()
  await synchronize()
  expect(held()).toEqual(before)
}

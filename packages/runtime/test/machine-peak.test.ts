import { expect, it } from 'vitest'
import { measureMachinePeak, memoryStats } from '../src/index.js'

it('measures what the machine reaches, and leaves no memory behind', async () => {
  const before = memoryStats().bytesInUse
  const peak = await measureMachinePeak()
  for (const value of Object.values(peak)) expect(value).toBeGreaterThan(1e8)
  expect(Object.keys(peak)).toEqual(['float32', 'bfloat16', 'bandwidth'])
  expect(memoryStats().bytesInUse).toBe(before)
})

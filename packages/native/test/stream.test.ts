import { afterEach, describe, expect, it } from 'vitest'
import { createError, OutOfMemoryError, ShapeError } from '../src/index.js'
import { addon, floats, integers, valuesOf } from './support.js'

afterEach(() => {
  addon.failAllocation(0)
  addon.setErrorFactory(createError)
})

describe('promises', () => {
  it('settle in the order of the stream, many at once', async () => {
    const x = addon.empty('float32', [4])
    const order: number[] = []
    const waits = Array.from({ length: 200 }, async (_, i) => {
      addon.fill(x, i)
      const values = await valuesOf(x)
      order.push(i)
      return values
    })
    const all = await Promise.all(waits)
    expect(order).toEqual([...order].sort((a, b) => a - b))
    all.forEach((values, i) => {
      expect(values).toEqual([i, i, i, i])
    })
    addon.release(x)
  })

  it('reads of an empty tensor give no bytes', async () => {
    const x = addon.empty('float32', [0, 3])
    expect((await addon.read(x)).byteLength).toBe(0)
    addon.release(x)
  })

  it('read what was there when read was called, although the tensor is released at once', async () => {
    const x = floats([1, 2, 3])
    const before = valuesOf(x)
    addon.fill(x, 5)
    addon.release(x)
    const y = addon.empty('float32', [3])
    addon.fill(y, 8)
    expect(await before).toEqual([1, 2, 3])
    addon.release(y)
  })
})

describe('an error in a kernel', () => {
  it('rejects who reads its result, or what is computed from it, and nobody else', async () => {
    const x = floats([1, 2, 3], [3, 1])
    const wrong = integers([0, 5])
    const lost = addon.gatherRows(x, wrong)
    const derived = addon.scale(lost, 2)
    for (const result of await Promise.allSettled([addon.read(lost), addon.read(derived)])) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_LLFT_SHAPE' } })
    }
    await expect(addon.read(derived)).rejects.toThrow(ShapeError)
    await expect(addon.read(derived)).rejects.toThrow(/^gatherRows: .*got 5/)
    await addon.synchronize()
    expect(await valuesOf(x)).toEqual([1, 2, 3])
    addon.fill(x, 4)
    expect(await valuesOf(x)).toEqual([4, 4, 4])
    for (const handle of [x, wrong, lost, derived]) addon.release(handle)
  })
})

describe('memory', () => {
  it('fails where asked to, and the failed call leaves nothing behind', () => {
    const { handles, bytesInUse } = addon.memoryStats()
    addon.failAllocation(1)
    expect(() => addon.empty('float32', [10])).toThrow(OutOfMemoryError)
    expect(addon.memoryStats()).toMatchObject({ handles, bytesInUse })
    addon.release(addon.empty('float32', [10]))
  })

  it('is refused where no machine has it', () => {
    expect(() => addon.empty('uint8', [2 ** 46])).toThrow(OutOfMemoryError)
  })

  it('is counted with its peak, and given back on demand', async () => {
    addon.trimMemory()
    addon.resetPeakMemory()
    const { bytesInUse, peakBytes } = addon.memoryStats()
    expect(peakBytes).toBe(bytesInUse)
    const x = addon.empty('float32', [1 << 20])
    expect(addon.memoryStats().bytesInUse).toBe(bytesInUse + (4 << 20))
    addon.release(x)
    expect(addon.memoryStats().peakBytes).toBe(bytesInUse + (4 << 20))
    expect(addon.memoryStats().cachedBytes).toBeGreaterThanOrEqual(4 << 20)
    addon.trimMemory()
    expect(addon.memoryStats().cachedBytes).toBe(0)
    await addon.synchronize()
  })
})

describe('the error factory', () => {
  it('makes the errors', () => {
    const calls: string[] = []
    addon.setErrorFactory((code, message) => {
      calls.push(`${code} ${message}`)
      return new RangeError('mine')
    })
    expect(() => addon.empty('float32', [-1])).toThrow(RangeError)
    expect(calls).toEqual(['ERR_LLFT_SHAPE empty: dimensions must not be negative; got [-1].'])
  })

  it('may fail itself: then a plain Error carries code and text', () => {
    addon.setErrorFactory(() => {
      throw new Error('broken factory')
    })
    expect(() => addon.empty('float32', [-1])).toThrow(
      expect.objectContaining({
        code: 'ERR_LLFT_SHAPE',
        message: expect.stringMatching(/^empty:/),
      }),
    )
  })
})

describe('the event loop', () => {
  it('goes on while the stream works', async () => {
    const x = addon.empty('float32', [1 << 20])
    for (let i = 0; i < 8; i++) addon.fillNormal(x, 0, 1, i, 0)
    let turns = 0
    let running = true
    const done = addon.synchronize().then(() => {
      running = false
    })
    while (running) {
      await new Promise((resolve) => setImmediate(resolve))
      turns++
    }
    await done
    expect(turns).toBeGreaterThan(20)
    addon.release(x)
  })
})

describe('the device', () => {
  it('tells its instruction sets and threads', () => {
    const { isa, isas, threads } = addon.deviceInfo()
    expect(isas).toContain(isa)
    expect(isas.at(-1)).toBe('portable')
    expect(threads).toBeGreaterThan(0)
  })
})

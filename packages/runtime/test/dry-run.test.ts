import { describe, expect, it } from 'vitest'
import {
  add,
  backward,
  batchOf,
  DeviceError,
  dryRun,
  memoryStats,
  reduceSum,
  ShapeError,
  scale,
  scope,
  Tensor,
} from '../src/index.js'
import { expectNoLeak } from './memory.js'

describe('dryRun', () => {
  it('tells what a function would take, and takes nothing', async () => {
    await expectNoLeak(() => {
      const before = memoryStats()
      const { value, peakBytes, marks, footprintBytes } = dryRun((mark) =>
        scope(() => {
          const x = Tensor.zeros([1 << 20])
          mark('made')
          x.requiresGrad = true
          const loss = reduceSum(scale(x, 2))
          backward(loss)
          const { shape } = x.grad as Tensor
          x.dispose()
          return shape
        }),
      )
      expect(value).toEqual([1 << 20])
      const [made, end] = marks
      expect(made).toEqual({ name: 'made', bytesInUse: 4 << 20, peakBytes: 4 << 20 })
      expect(end).toMatchObject({ name: 'end', bytesInUse: 0 })
      expect(peakBytes).toBe(end?.peakBytes)
      // x, its double or the gradient of that, and the gradient of x.
      expect(peakBytes).toBeGreaterThanOrEqual(3 * (4 << 20))
      expect(peakBytes).toBeLessThan(5 * (4 << 20))
      expect(footprintBytes).toBeGreaterThanOrEqual(peakBytes)
      expect(memoryStats()).toEqual(before)
    })
  })

  it('has room for what no machine has', () => {
    const { peakBytes } = dryRun(() => Tensor.zeros([1 << 20, 1 << 18]).dispose())
    expect(peakBytes).toBe(2 ** 40)
  })

  it('checks arguments', () => {
    expect(() => dryRun(() => add(Tensor.zeros([2]), Tensor.zeros([3])))).toThrow(ShapeError)
  })

  it('refuses its tensors outside of it, also in another one, and frees them', async () => {
    await expectNoLeak(() => {
      const { value } = dryRun(() => Tensor.zeros([3]))
      expect(() => scale(value, 2)).toThrow(DeviceError)
      expect(() => scale(value, 2)).toThrow(/scale: argument 1 must be a tensor with memory/)
      expect(() => dryRun(() => scale(value, 2))).toThrow(DeviceError)
      value.dispose()
    })
  })

  it('leaves real tensors as they are', async () => {
    const x = Tensor.from([1, 2])
    dryRun(() => scope(() => scale(x, 2)).dispose())
    expect([...(await x.read())]).toEqual([1, 2])
    x.dispose()
  })

  it('has nothing to read', async () => {
    const x = Tensor.from([1])
    await expect(dryRun(() => [x.read()]).value[0]).rejects.toThrow(/nothing must be read/)
    expect(() => dryRun(async () => undefined)).toThrow(/dryRun: the callback must not be async/)
    x.dispose()
  })

  it('is one at a time, and is over when it fails', () => {
    expect(() => dryRun(() => dryRun(() => 0))).toThrow(/no dry run must be in progress/)
    const fails = () =>
      dryRun(() => {
        throw new RangeError('mine')
      })
    expect(fails).toThrow('mine')
    expect(dryRun(() => batchOf([[1]]).ids.length).value).toBe(1)
  })
})

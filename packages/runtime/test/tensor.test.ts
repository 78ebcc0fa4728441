import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { DisposedError, DtypeError, keep, ShapeError, scope, Tensor } from '../src/index.js'
import { expectNoLeak, held } from './memory.js'

describe('Tensor', () => {
  it.each([
    ['float32', [1.5, -2.25, 0, 3e38]],
    ['int32', [1, -2, 2 ** 31 - 1]],
    ['uint8', [0, 255]],
    ['int8', [-128, 127]],
    ['bfloat16', [1.5, -0.0078125, 2 ** 100]],
  ] as const)('brings %s there and back', async (dtype, values) => {
    using tensor = Tensor.from(values, [values.length], dtype)
    expect(tensor.dtype).toBe(dtype)
    expect([...(await tensor.read())]).toEqual(
      [...values].map(dtype === 'float32' ? Math.fround : Number),
    )
  })

  it('rounds to bfloat16 to the nearest, ties to even, and keeps NaN and infinity', async () => {
    const ulp = 2 ** -7
    const values = [
      1 + ulp / 2,
      1 + 1.5 * ulp,
      1 + 0.51 * ulp,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
    ]
    using tensor = Tensor.from(values, [5], 'bfloat16')
    const expected = [1, 1 + 2 * ulp, 1 + ulp, Number.NaN, Number.NEGATIVE_INFINITY]
    expect([...(await tensor.read())]).toEqual(expected)
  })

  it('knows shape, size and type', () => {
    using tensor = Tensor.zeros([2, 3, 4], 'bfloat16')
    expect([tensor.shape, tensor.size, tensor.dtype]).toEqual([[2, 3, 4], 24, 'bfloat16'])
    using ids = Tensor.from(Int32Array.of(1, 2))
    expect([ids.shape, ids.dtype]).toEqual([[2], 'int32'])
  })

  it('reads one element as a number', async () => {
    using one = Tensor.full([1, 1], 2.5)
    expect(await one.item()).toBe(2.5)
    using two = Tensor.zeros([2])
    await expect(two.item()).rejects.toThrow(ShapeError)
  })

  it('draws the same numbers for the same seed and others for another', async () => {
    const draw = async (seed: number) => {
      using tensor = Tensor.normal([64], { seed, std: 2 })
      return [...(await tensor.read())]
    }
    expect(await draw(7)).toEqual(await draw(7))
    expect(await draw(7)).not.toEqual(await draw(8))
    using uniform = Tensor.uniform([1000], { seed: 1, low: -1, high: 1 })
    const values = [...(await uniform.read())]
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...values)).toBeLessThan(1)
  })

  it('refuses data that does not fill the shape, and float16', () => {
    expect(() => Tensor.from([1, 2, 3], [2, 2])).toThrow(/as many elements as the data; got 3/)
    expect(() => Tensor.from([1], [1], 'float16')).toThrow(DtypeError)
  })

  it('says so when it is used after it was freed', async () => {
    const tensor = Tensor.zeros([2, 2])
    expect(tensor.shape).toEqual([2, 2])
    tensor.dispose()
    tensor.dispose()
    expect(tensor.disposed).toBe(true)
    expect(() => tensor.handle).toThrow(DisposedError)
    expect(() => tensor.handle).toThrow(/disposed one of shape \[2, 2\]/)
  })

  it('keeps memory while a second handle lives', async () => {
    await expectNoLeak(async () => {
      const first = Tensor.full([3], 4)
      const second = first.retain()
      first.dispose()
      expect([...(await second.read())]).toEqual([4, 4, 4])
      second.dispose()
    })
  })

  it('is freed by the garbage collector if it was forgotten', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const before = held()
    for (let index = 0; index < 100; index++) {
      Tensor.zeros([10])
      scope(() => void keep(Tensor.zeros([10])))
      scope(() => Tensor.zeros([10]))
    }
    expect(held().handles).toBe(before.handles + 300)
    for (let tries = 0; tries < 50 && held().handles > before.handles; tries++) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(held()).toEqual(before)
  })
})

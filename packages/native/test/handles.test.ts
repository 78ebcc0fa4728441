import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError, DisposedError, DtypeError, LlftError, ShapeError } from '../src/index.js'
import { addon, asDType, asHandle, floats, valuesOf } from './support.js'

let handles: number
let bytes: number

beforeEach(() => {
  const stats = addon.memoryStats()
  handles = stats.handles
  bytes = stats.bytesInUse
})
// Every test gives back what it took.
afterEach(() => {
  expect(addon.memoryStats()).toMatchObject({ handles, bytesInUse: bytes })
})

describe('handles', () => {
  it('know their shape and type, and carry bytes there and back', async () => {
    const x = floats([1, 2, 3, 4, 5, 6], [2, 3])
    expect(addon.shapeOf(x)).toEqual([2, 3])
    expect(addon.dtypeOf(x)).toBe('float32')
    expect(addon.isReadOnly(x)).toBe(false)
    expect(await valuesOf(x)).toEqual([1, 2, 3, 4, 5, 6])
    addon.release(x)
  })

  it('are safe integers that differ each time', () => {
    const seen = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      const x = addon.empty('uint8', [1])
      expect(Number.isSafeInteger(x)).toBe(true)
      seen.add(x)
      addon.release(x)
    }
    expect(seen.size).toBe(1000)
  })

  it('keep the storage until the last one is released', async () => {
    const x = floats([7])
    const other = addon.retain(x)
    addon.release(x)
    expect(addon.isAlive(x)).toBe(false)
    expect(addon.isAlive(other)).toBe(true)
    expect(await valuesOf(other)).toEqual([7])
    addon.release(other)
  })

  it('share storage through views and row slices', async () => {
    const x = floats([1, 2, 3, 4], [2, 2])
    const flat = addon.view(x, [4])
    const row = addon.sliceRows(x, 1, 1)
    addon.fill(flat, 9)
    expect(await valuesOf(row)).toEqual([9, 9])
    for (const handle of [x, flat, row]) addon.release(handle)
  })

  it('throw DisposedError with the name of the op once released, also when their slot is in use again', () => {
    const x = floats([1])
    addon.release(x)
    const next = floats([2])
    for (const use of [() => addon.release(x), () => addon.shapeOf(x), () => addon.retain(x)]) {
      expect(use).toThrow(DisposedError)
    }
    expect(() => addon.cast(x, 'bfloat16')).toThrow(/^cast: argument 1 must be a live tensor/)
    expect(() => addon.concatColumns([next, x])).toThrow(/^concatColumns: .*disposed/)
    addon.release(next)
  })

  it('are never made of other numbers', () => {
    for (const value of [0, -1, 1, 1.5, 2 ** 53, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => addon.shapeOf(asHandle(value))).toThrow(DisposedError)
      expect(addon.isAlive(asHandle(value))).toBe(false)
    }
  })
})

describe('arguments', () => {
  it.each([
    ['too few', () => Reflect.apply(addon.cast, undefined, [])],
    ['too many', () => Reflect.apply(addon.synchronize, undefined, [1])],
    ['far too many', () => Reflect.apply(addon.trimMemory, undefined, Array(40).fill(0))],
    ['a string for a tensor', () => addon.shapeOf(asHandle('x'))],
    ['an object for a tensor', () => addon.shapeOf(asHandle({}))],
    ['null where a tensor must be', () => addon.release(asHandle(null))],
    ['a string for a shape', () => addon.empty('float32', 'abc' as unknown as number[])],
    ['a fraction in a shape', () => addon.empty('float32', [1.5])],
    ['NaN in a shape', () => addon.empty('float32', [Number.NaN])],
    ['an unknown dtype', () => addon.empty(asDType('float64'), [1])],
    ['a very long dtype', () => addon.empty(asDType('float32'.repeat(100)), [1])],
    ['a number for a dtype', () => addon.empty(asDType(3), [1])],
    [
      'an ArrayBuffer for bytes',
      () => addon.fromBytes(new ArrayBuffer(4) as unknown as Uint8Array, 'uint8', [4]),
    ],
    ['a symbol', () => addon.mapFile(Symbol('s') as unknown as string)],
    ['a bigint', () => addon.failAllocation(1n as unknown as number)],
    ['a negative count', () => addon.failAllocation(-1)],
    ['a factory that is none', () => addon.setErrorFactory('no' as unknown as () => LlftError)],
  ])('%s: a ConfigError', (_, call) => {
    expect(call).toThrow(ConfigError)
  })

  it('say what must hold, of which argument, and what came', () => {
    expect(() => addon.empty(asDType('float64'), [1])).toThrow(
      'empty: argument 1 must be float32, bfloat16, float16, int32, uint8 or int8; got "float64".',
    )
    expect(() => Reflect.apply(addon.retain, undefined, [])).toThrow(
      'retain: there must be 1 arguments; got 0.',
    )
  })

  it('outside of an op’s contract give its own errors, with code and class', () => {
    const x = floats([1, 2])
    expect(() => addon.view(x, [3])).toThrow(ShapeError)
    expect(() => addon.empty('float32', [-1])).toThrow(ShapeError)
    expect(() => addon.cast(x, 'int32')).toThrow(DtypeError)
    expect(() => addon.fromBytes(new Uint8Array(3), 'float32', [1])).toThrow(ShapeError)
    try {
      addon.view(x, [3])
    } catch (error) {
      expect(error).toBeInstanceOf(LlftError)
      expect(error).toMatchObject({ code: 'ERR_LLFT_SHAPE', name: 'ShapeError' })
    }
    addon.release(x)
  })
})

import { expect, it } from 'vitest'
import {
  dtypeOfFile,
  memoryStats,
  safetensorsDtype,
  scale,
  Tensor,
  tensorSource,
} from '../src/index.js'
import { expectNoLeak } from './memory.js'

async function floatsOf(source: ReturnType<typeof tensorSource>): Promise<number[]> {
  const data = source.data as () => Promise<Uint8Array>
  return [...new Float32Array((await data()).slice().buffer)]
}

it('reads a tensor as it is, and leaves it to its owner', async () => {
  await expectNoLeak(async () => {
    using tensor = Tensor.from([1, 2, 3, 4], [2, 2])
    const source = tensorSource('x', tensor, 'float32')
    expect(source).toMatchObject({ name: 'x', dtype: 'F32', shape: [2, 2] })
    expect(await floatsOf(source)).toEqual([1, 2, 3, 4])
    expect(tensor.disposed).toBe(false)
  })
})

it('casts, and frees the copy', async () => {
  await expectNoLeak(async () => {
    using tensor = Tensor.from([1, -2.5], [2], 'bfloat16')
    expect(await floatsOf(tensorSource('x', tensor, 'float32'))).toEqual([1, -2.5])
  })
})

it('makes a tensor when it is written, not before, and frees it', async () => {
  await expectNoLeak(async () => {
    using tensor = Tensor.from([1, 2])
    const { handles } = memoryStats()
    const source = tensorSource('x', { shape: [2], make: () => scale(tensor, 3) }, 'float32')
    expect(memoryStats().handles).toBe(handles)
    expect(await floatsOf(source)).toEqual([3, 6])
    expect(memoryStats().handles).toBe(handles)
  })
})

it('spells every element type as the files do, there and back', () => {
  const dtypes = ['float32', 'bfloat16', 'float16', 'int32', 'uint8', 'int8'] as const
  expect(dtypes.map(safetensorsDtype)).toEqual(['F32', 'BF16', 'F16', 'I32', 'U8', 'I8'])
  expect(dtypes.map((dtype) => dtypeOfFile(safetensorsDtype(dtype)))).toEqual(dtypes)
  expect(dtypeOfFile('F64')).toBeUndefined()
})

import { expect, test } from 'vitest'
import type { FloatType } from '../src/float-type.js'
import { MEMORY_COLUMNS, MEMORY_ROWS, type MemoryKernel } from '../src/memory-case.js'
import { type AttentionCase, requestOf } from '../src/ops-case.js'

const attention: AttentionCase = {
  op: 'attention',
  sequences: 3,
  tokens: 7,
  heads: 4,
  kvHeads: 2,
  width: 8,
  window: 0,
  backward: false,
  dtype: 'bfloat16',
}

/** Pairs that the mask leaves, counted one by one. */
function pairsOf({ tokens, window }: AttentionCase): number {
  let pairs = 0
  for (let query = 0; query < tokens; query++)
    for (let key = 0; key <= query; key++) if (window === 0 || query - key < window) pairs++
  return pairs
}

test.each([0, 1, 3, 7, 9])(
  'attention with a window of %i counts what the mask leaves',
  (window) => {
    const op = { ...attention, window }
    const product = 2 * op.width * op.heads * op.sequences * pairsOf(op)
    expect(requestOf(op).work).toBe(2 * product)
    expect(requestOf({ ...op, backward: true }).work).toBe(7 * product)
  },
)

test('memory is read and written once for each array that a kernel must touch', () => {
  const elements = MEMORY_ROWS * MEMORY_COLUMNS
  const bytes = (kernel: MemoryKernel, dtype: FloatType) =>
    requestOf({ op: 'memory', kernel, dtype }).work / elements
  expect(bytes('add', 'float32')).toBe(12)
  expect(bytes('accumulate', 'bfloat16')).toBe(2 + 8)
  expect(bytes('convert', 'float32')).toBe(6)
  expect(bytes('convert', 'bfloat16')).toBe(6)
  expect(bytes('adamw step', 'float32')).toBe(28)
})

test('a linear layer takes a multiply-add for each row and weight', () => {
  const op = { op: 'linear', product: 'dw', rows: 5, out: 3, into: 2 } as const
  expect(requestOf({ ...op, dtype: 'float32', weight: 'dense' }).work).toBe(60)
})

import { expect, test } from 'vitest'
import { fasterType } from '../src/fastest-type.js'

test('a peer trains in the type that is faster for it', () => {
  expect(fasterType({ float32: 170e9, bfloat16: 2e9 })).toBe('float32')
  expect(fasterType({ float32: 170e9, bfloat16: 680e9 })).toBe('bfloat16')
})

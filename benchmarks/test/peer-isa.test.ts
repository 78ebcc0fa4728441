import { expect, test } from 'vitest'
import { peerLimit } from '../src/peer-isa.js'

const isas = ['avx512bf16', 'avx512', 'avx2', 'portable']
const threads = 2

test('peers are kept to the instruction set that is forced', () => {
  expect(peerLimit({ isa: 'avx2', isas, threads })).toEqual({
    environment: {
      ATEN_CPU_CAPABILITY: 'avx2',
      ONEDNN_MAX_CPU_ISA: 'AVX2',
      MKL_ENABLE_INSTRUCTIONS: 'AVX2',
    },
    llamaBackend: 'haswell',
  })
  for (const isa of isas.slice(1)) expect(peerLimit({ isa, isas, threads })).toBeDefined()
})

test('with the best of the machine they choose for themselves', () => {
  expect(peerLimit({ isa: 'avx512bf16', isas, threads })).toBeUndefined()
  expect(peerLimit({ isa: 'avx2', isas: ['avx2', 'portable'], threads })).toBeUndefined()
})

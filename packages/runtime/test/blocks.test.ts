import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { SafetensorsFile } from '@llft/safetensors'
import { describe, expect, it } from 'vitest'
import { type BlockFormat, dequantizeRows, quantizeBlocks, Tensor } from '../src/index.js'

// Rows with edge cases and heavy tails, the blocks that ggml's reference quantisers make of them, with and without an
// importance of each column, and the SHA-256 of what its reference dequantisers make of those without.
const golden = await SafetensorsFile.open(
  fileURLToPath(new URL('fixtures/gguf-blocks.safetensors', import.meta.url)),
)
const FORMATS: BlockFormat[] = [
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q8_0',
  'Q2_K',
  'Q3_K',
  'Q4_K',
  'Q5_K',
  'Q6_K',
  'IQ4_NL',
  'IQ4_XS',
  'MXFP4',
]

function stored(name: string): Tensor {
  const { shape, dtype } = golden.tensors.get(name) ?? { shape: [], dtype: 'none' }
  return Tensor.fromBytes(golden.readSync(name), dtype === 'U8' ? 'uint8' : 'float32', shape)
}

const cases = ['edge', 'heavy'].flatMap((rows) => FORMATS.map((format) => ({ rows, format })))

describe.each(cases)('$format of $rows rows', ({ rows, format }) => {
  const x = stored(`${rows}.x`)
  const name = `${rows}.${format}`

  it('quantizeBlocks gives the blocks of ggml, bit for bit', async () => {
    expect(await quantizeBlocks(x, format).read()).toEqual(await stored(name).read())
    if (!golden.tensors.has(`${name}.weighted`)) return
    const importance = stored(`${rows}.imatrix`)
    const blocks = quantizeBlocks(x, format, importance)
    expect(await blocks.read()).toEqual(await stored(`${name}.weighted`).read())
  })

  it('dequantizeRows gives the floats of ggml, bit for bit', async () => {
    const [count = 0, columns = 0] = x.shape
    const matrix = { format, rows: count, columns, codes: stored(name) }
    const floats = await dequantizeRows(matrix, 0, count, 'float32').readBytes()
    expect(createHash('sha256').update(new Uint8Array(floats)).digest('hex')).toBe(
      golden.metadata[`${name}.dequant.sha256`],
    )
  })
})

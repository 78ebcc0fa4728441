import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  DTYPE_BITS,
  FormatError,
  openCheckpoint,
  type SafetensorsDtype,
  SafetensorsFile,
  type TensorSource,
  writeSafetensors,
  writeSharded,
} from '../src/index.js'
import { temporaryFolder } from './helpers.js'

const wholeByteTypes = (Object.keys(DTYPE_BITS) as SafetensorsDtype[]).filter(
  (dtype) => DTYPE_BITS[dtype] % 8 === 0,
)

function randomSource(name: string): fc.Arbitrary<TensorSource> {
  return fc
    .tuple(fc.constantFrom(...wholeByteTypes), fc.array(fc.nat(4), { maxLength: 3 }))
    .chain(([dtype, shape]) => {
      const bytes = shape.reduce((a, b) => a * b, 1) * (DTYPE_BITS[dtype] / 8)
      return fc
        .uint8Array({ minLength: bytes, maxLength: bytes })
        .map((data) => ({ name, dtype, shape, data }))
    })
}

const sources = fc
  .uniqueArray(
    fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
    { maxLength: 6 },
  )
  .chain((names) => fc.tuple(...names.map(randomSource)))

test('what is written is read back, whatever it is', async () => {
  const path = join(await temporaryFolder(), 'a.safetensors')
  const metadata = fc.dictionary(fc.string(), fc.string())
  await fc.assert(
    fc.asyncProperty(sources, metadata, async (tensors, meta) => {
      await writeSafetensors(path, tensors, meta)
      const file = await SafetensorsFile.open(path)
      expect({ ...file.metadata }).toEqual({ ...meta })
      expect(file.tensors.size).toBe(tensors.length)
      for (const { name, dtype, shape, data } of tensors) {
        expect(file.tensors.get(name)).toMatchObject({ dtype, shape })
        expect(await file.read(name)).toEqual(data)
        expect((file.tensors.get(name)?.byteOffset ?? 1) % (DTYPE_BITS[dtype] / 8)).toBe(0)
      }
    }),
    { numRuns: 60, seed: 7 },
  )
})

test('takes records, generators and functions, which run one after the other', async () => {
  const path = join(await temporaryFolder(), 'a.safetensors')
  let alive = 0
  const lazy = (value: number) => async () => {
    expect(++alive).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    alive--
    return new Float32Array([value])
  }
  await writeSafetensors(path, {
    a: { dtype: 'F32', shape: [1], data: lazy(1) },
    b: { dtype: 'F32', shape: [1], data: lazy(2) },
  })
  const file = await SafetensorsFile.open(path)
  expect(new Float32Array((await file.read('b')).buffer)).toEqual(new Float32Array([2]))
  expect(file.metadata).toEqual({ format: 'pt' })

  await writeSafetensors(
    path,
    (async function* () {
      yield { name: 'c', dtype: 'I64' as const, shape: [1], data: new BigInt64Array([-3n]) }
    })(),
  )
  expect([...(await SafetensorsFile.open(path)).tensors.keys()]).toEqual(['c'])
})

const one = { name: 'a', dtype: 'F32' as const, shape: [1], data: new Float32Array(1) }

test.each<[string, TensorSource[], string]>([
  ['a name twice', [one, one], 'tensor "a": a name must come once'],
  ['too few bytes', [{ ...one, shape: [2] }], 'must bring 8 bytes; got 4'],
  ['an unknown dtype', [{ ...one, dtype: 'F99' as SafetensorsDtype }], 'got F99'],
  ['a negative size', [{ ...one, shape: [-1] }], 'got [-1]'],
  ['the name of the metadata', [{ ...one, name: '__metadata__' }], 'other than "__metadata__"'],
])('refuses %s and leaves the old file alone', async (_what, tensors, message) => {
  const folder = await temporaryFolder()
  const path = join(folder, 'a.safetensors')
  await writeFile(path, 'old')
  const error = await writeSafetensors(path, tensors).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(FormatError)
  expect((error as Error).message).toContain(message)
  expect(await readFile(path, 'utf8')).toBe('old')
  expect(await readdir(folder)).toEqual(['a.safetensors'])
})

test('a source that fails halfway leaves nothing behind', async () => {
  const folder = await temporaryFolder()
  const broken: TensorSource = {
    ...one,
    name: 'z',
    data: () => Promise.reject(new Error('no such data')),
  }
  await expect(writeSafetensors(join(folder, 'a.safetensors'), [one, broken])).rejects.toThrow(
    'no such data',
  )
  await expect(writeSharded(folder, [one, broken], { maxShardBytes: 4 })).rejects.toThrow(
    'no such data',
  )
  expect(await readdir(folder)).toEqual([])
})

test('a folder that is missing is the error of the system', async () => {
  const path = join(await temporaryFolder(), 'absent', 'a.safetensors')
  await expect(writeSafetensors(path, [one])).rejects.toMatchObject({ code: 'ENOENT' })
})

const six: TensorSource[] = ['c', 'a', 'b', 'd', 'e', 'f'].map((name, i) => ({
  name,
  dtype: 'I32',
  shape: [2],
  data: new Int32Array([i, -i]),
}))

test('shards carry the names and the index of the field', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'model.safetensors'), 'an older checkpoint')
  const paths = await writeSharded(folder, six, { maxShardBytes: 16 })
  expect(paths).toHaveLength(3)
  expect((await readdir(folder)).sort()).toEqual([
    'model-00001-of-00003.safetensors',
    'model-00002-of-00003.safetensors',
    'model-00003-of-00003.safetensors',
    'model.safetensors.index.json',
  ])
  const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'))
  expect(index.metadata).toEqual({ total_size: 48 })
  expect(index.weight_map.c).toBe('model-00001-of-00003.safetensors')
  const checkpoint = await openCheckpoint(folder)
  expect([...checkpoint.tensors.keys()].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  expect(new Int32Array((await checkpoint.read('f')).buffer)).toEqual(new Int32Array([5, -5]))
  expect(checkpoint.unlisted).toEqual([])
})

test('one shard needs no index, and takes the place of an older sharded checkpoint', async () => {
  const folder = await temporaryFolder()
  await writeSharded(folder, six, { maxShardBytes: 1 })
  expect(await readdir(folder)).toHaveLength(7)
  await writeSharded(folder, six)
  expect(await readdir(folder)).toEqual(['model.safetensors'])
  expect((await openCheckpoint(folder)).tensors.size).toBe(6)
})

test('the whole written file is the same for the same tensors in any order', async () => {
  const folder = await temporaryFolder()
  await writeSafetensors(join(folder, 'x'), six)
  await writeSafetensors(join(folder, 'y'), [...six].reverse())
  expect(await readFile(join(folder, 'x'))).toEqual(await readFile(join(folder, 'y')))
})

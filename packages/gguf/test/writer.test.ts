import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type GgufProgress,
  type GgufTensorSource,
  type GgufValue,
  gguf,
  openGguf,
  writeGguf,
} from '../src/index.js'
import { temporaryFolder } from './raw-file.js'

const at = async (name: string) => join(await temporaryFolder(), name)

function tensor(name: string, type: GgufTensorSource['type'], shape: number[], bytes: number) {
  return { name, type, shape, data: () => new Uint8Array(bytes).fill(name.charCodeAt(0)) }
}

const MODEL = {
  metadata: {
    'general.architecture': gguf.string('llama'),
    'llama.context_length': gguf.uint32(64),
    'tokenizer.ggml.tokens': gguf.strings(['a', 'né', '']),
    'tokenizer.ggml.scores': gguf.float32s(new Float32Array([0, -1, -2])),
    'tokenizer.ggml.add_bos_token': gguf.bool(true),
  },
  tensors: [
    tensor('a', 'F32', [3, 3], 36),
    tensor('b', 'Q8_0', [2, 32], 68),
    tensor('c', 'BF16', [5], 10),
  ],
}

describe('writeGguf', () => {
  it('writes what is read again', async () => {
    const path = await at('model.gguf')
    expect(await writeGguf(path, MODEL)).toEqual([path])
    const read = await openGguf(path)
    expect(Object.fromEntries(read.metadata)).toEqual(MODEL.metadata)
    expect(
      [...read.tensors.values()].map(({ name, type, shape }) => ({ name, type, shape })),
    ).toEqual(MODEL.tensors.map(({ name, type, shape }) => ({ name, type, shape })))
    for (const { name, data } of MODEL.tensors)
      expect(await read.files[0]?.read(name)).toEqual(data())
  })

  it('writes any metadata and tensors, the same bytes each time', async () => {
    const value: fc.Arbitrary<GgufValue> = fc.oneof(
      fc.string({ unit: 'grapheme' }).map(gguf.string),
      fc.nat().map(gguf.uint32),
      fc.boolean().map(gguf.bool),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(gguf.uint64),
      fc.array(fc.string()).map(gguf.strings),
      fc.int32Array().map(gguf.int32s),
      fc.float32Array({ noNaN: true }).map(gguf.float32s),
    )
    const keys = fc.string({ minLength: 1 }).map((key) => `x.${key}`)
    const shapes = fc.array(fc.nat(5), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(keys, value, { maxKeys: 8 }),
        fc.array(shapes, { maxLength: 4 }),
        fc.constantFrom(8, 32, 4096),
        async (metadata, sizes, alignment) => {
          const path = await at('any.gguf')
          const tensors = sizes.map((shape, i) =>
            tensor(`t${i}`, 'F16', shape, 2 * shape.reduce((a, b) => a * b, 1)),
          )
          await writeGguf(path, { metadata, tensors, alignment })
          const bytes = await readFile(path)
          const read = await openGguf(path)
          const found = Object.fromEntries(
            [...read.metadata].filter(([key]) => key !== 'general.alignment'),
          )
          expect(found).toEqual(metadata)
          expect([...read.tensors.values()].map(({ shape }) => shape)).toEqual(sizes)
          await writeGguf(path, { metadata, tensors, alignment })
          expect((await readFile(path)).equals(bytes)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('takes the bytes of a tensor part by part, and tells how far it is', async () => {
    async function* parts() {
      yield new Uint8Array(20).fill(1)
      yield new Uint8Array(16).fill(2)
    }
    const told: GgufProgress[] = []
    const path = await at('parts.gguf')
    await writeGguf(path, {
      metadata: {},
      tensors: [{ name: 'a', type: 'F32', shape: [9], data: parts }],
      onProgress: (progress) => told.push(progress),
    })
    const [, ...rest] = (await (await openGguf(path)).files[0]?.read('a')) ?? []
    expect(rest.slice(18, 21)).toEqual([1, 2, 2])
    expect(told).toEqual([{ tensor: 'a', done: 1, tensors: 1, bytes: 36, totalBytes: 36 }])
  })

  it('writes shards that any of them opens', async () => {
    const path = await at('big.gguf')
    const paths = await writeGguf(path, { ...MODEL, shardBytes: 80 })
    expect(paths.map((name) => name.slice(-22))).toEqual(
      ['big-00001-of-00002.gguf', 'big-00002-of-00002.gguf'].map((name) => name.slice(-22)),
    )
    const read = await openGguf(paths[1] as string)
    expect([...read.tensors.keys()]).toEqual(['a', 'b', 'c'])
    expect(read.metadata.string('general.architecture')).toBe('llama')
    expect(await read.tensors.get('c')?.file.read('c')).toEqual(MODEL.tensors[2]?.data())
  })

  it('says which shard is missing or of another model', async () => {
    const { rename, copyFile } = await import('node:fs/promises')
    const paths = (await writeGguf(await at('lost.gguf'), { ...MODEL, shardBytes: 80 })) as [
      string,
      string,
    ]
    const elsewhere = await at('renamed.gguf')
    await copyFile(paths[0], elsewhere)
    await expect(openGguf(elsewhere)).rejects.toThrow(
      /one of 2 shards must be called NAME-00001-of-00002/,
    )
    await copyFile(paths[0], paths[1])
    await expect(openGguf(paths[0])).rejects.toThrow(/must be shard 2 of 2; got 1 of 2/)
    await rename(paths[1], elsewhere)
    await expect(openGguf(paths[0])).rejects.toThrow(/lost-00002-of-00002\.gguf/)
  })

  const REFUSED: [string, Partial<typeof MODEL> | object, RegExp][] = [
    [
      'a tensor twice',
      { tensors: [tensor('a', 'F32', [1], 4), tensor('a', 'F32', [1], 4)] },
      /"a" must be there once/,
    ],
    [
      'a name that is too long',
      { tensors: [tensor('a'.repeat(64), 'F32', [1], 4)] },
      /name of 1 to 63 bytes; got 64/,
    ],
    [
      'rows that blocks do not fill',
      { tensors: [tensor('a', 'Q4_K', [1, 128], 72)] },
      /must have a size; got rows that blocks of 256/,
    ],
    [
      'too few bytes',
      { tensors: [tensor('a', 'F32', [2], 4)] },
      /"a", F32 \[2\], must bring 8 bytes; got 4/,
    ],
    ['too many bytes', { tensors: [tensor('a', 'F32', [2], 12)] }, /must bring 8 bytes; got more/],
    [
      'five dimensions',
      { tensors: [tensor('a', 'F32', [1, 1, 1, 1, 1], 4)] },
      /at most 4 whole sizes/,
    ],
    [
      'a number that does not fit',
      { metadata: { k: gguf.uint16(70_000) } },
      /k must fit uint16; got '70000'/,
    ],
    ['an empty key', { metadata: { '': gguf.uint16(1) } }, /a key must have 1 to 65535 bytes/],
    [
      'what the writer decides',
      { metadata: { 'split.no': gguf.uint16(1) } },
      /must not name split.no/,
    ],
  ]

  it.each(REFUSED)('refuses %s, and leaves what was there', async (_, change, message) => {
    const path = await at('kept.gguf')
    await writeGguf(path, MODEL)
    const before = await readFile(path)
    await expect(writeGguf(path, { ...MODEL, ...change })).rejects.toThrow(message)
    expect((await readFile(path)).equals(before)).toBe(true)
    const names = await readdir(await temporaryFolder())
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})

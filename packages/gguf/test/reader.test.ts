import { describe, expect, it } from 'vitest'
import { FormatError, openGguf } from '../src/index.js'
import { entry, info, type RawFile, rawFile, saved, text, u8, u32, u64 } from './raw-file.js'

const UINT32 = 4
const STRING = 8
const ARRAY = 9
const F32 = 0
const Q4_0 = 2

const open = async (raw: RawFile) => openGguf(await saved(rawFile(raw)))

describe('a GGUF file', () => {
  it('gives its metadata and tensors, rows last', async () => {
    const gguf = await open({
      entries: [
        entry('general.architecture', STRING, text('llama')),
        entry('llama.block_count', UINT32, u32(2)),
        entry('tokens', ARRAY, u32(STRING), u64(2), text('a'), text('né')),
        entry('scores', ARRAY, u32(6), u64(2), Buffer.from(new Float32Array([0.5, -1]).buffer)),
        entry('flag', 7, u8(1)),
        entry('big', 10, u64(2n ** 53n)),
      ],
      infos: [info('a.weight', [4, 3], F32, 0), info('b.weight', [64, 2], Q4_0, 64)],
      data: 64 + 96,
    })
    const { metadata, tensors } = gguf
    expect(metadata.string('general.architecture')).toBe('llama')
    expect(metadata.count('llama.block_count')).toBe(2)
    expect(metadata.strings('tokens')).toEqual(['a', 'né'])
    expect(metadata.optionalNumbers('scores')).toEqual(new Float32Array([0.5, -1]))
    expect(metadata.optionalFlag('flag')).toBe(true)
    expect(metadata.get('big')).toEqual({ type: 'uint64', value: 2n ** 53n })
    expect(tensors.get('a.weight')).toMatchObject({ type: 'F32', shape: [3, 4], byteLength: 48 })
    expect(tensors.get('b.weight')).toMatchObject({ type: 'Q4_0', shape: [2, 64], byteLength: 72 })
    const bytes = await gguf.files[0]?.read('b.weight')
    expect(bytes).toEqual(new Uint8Array(72).fill(7))
  })

  it('may be of version 2, and end without the padding of its last tensor', async () => {
    const { tensors } = await open({ version: 2, infos: [info('a', [3], F32, 0)], data: 12 })
    expect([...tensors.keys()]).toEqual(['a'])
  })

  it('may be aligned otherwise', async () => {
    const gguf = await open({
      entries: [entry('general.alignment', UINT32, u32(64))],
      infos: [info('a', [3], F32, 0), info('b', [3], F32, 64)],
      data: 128,
      alignment: 64,
    })
    const [a, b] = [...gguf.tensors.values()]
    expect((b?.byteOffset ?? 0) - (a?.byteOffset ?? 0)).toBe(64)
  })

  const WRONG: [string, RawFile, RegExp][] = [
    ['of another format', { magic: 'GGML' }, /must begin with GGUF; got "GGML"/],
    ['of version 1', { version: 1 }, /version must be 2 or 3; got 1/],
    ['of a later version', { version: 4 }, /version must be 2 or 3; got 4/],
    ['in big endian', { version: 0x03000000 }, /must be little endian; got one in big endian/],
    [
      'with a key twice',
      { entries: [entry('k', UINT32, u32(1)), entry('k', UINT32, u32(2))] },
      /key k must be there once; got it twice/,
    ],
    ['with an empty key', { entries: [entry('', UINT32, u32(1))] }, /a key must have a name/],
    [
      'with an unknown type',
      { entries: [entry('k', 13, u32(1))] },
      /type of k must be one of GGUF; got 13/,
    ],
    [
      'with a list of lists',
      { entries: [entry('k', ARRAY, u32(ARRAY), u64(1))] },
      /got a list of lists/,
    ],
    [
      'with a list of an unknown type',
      { entries: [entry('k', ARRAY, u32(99), u64(1))] },
      /type of the list k must be one of GGUF; got 99/,
    ],
    ['with a flag of 2', { entries: [entry('k', 7, u8(2))] }, /k must be 0 or 1; got 2/],
    [
      'with text that is no UTF-8',
      { entries: [entry('k', STRING, text(Buffer.from([0xff, 0xfe])))] },
      /k must be UTF-8/,
    ],
    [
      'with text longer than the file',
      { entries: [entry('k', STRING, u64(1000))] },
      /k must be 1000 bytes at \d+; got the end of the file/,
    ],
    [
      'with more keys than it has',
      { keyCount: 2, entries: [entry('k', UINT32, u32(1))] },
      /the length of a key must be at most 65535|got the end of the file/,
    ],
    [
      'with an alignment of 48',
      { entries: [entry('general.alignment', UINT32, u32(48))] },
      /power of two from 8 to 65536 as uint32; got uint32 48/,
    ],
    [
      'with an alignment of 2^30',
      { entries: [entry('general.alignment', UINT32, u32(2 ** 30))] },
      /power of two from 8 to 65536/,
    ],
    [
      'with an alignment as text',
      { entries: [entry('general.alignment', STRING, text('32'))] },
      /as uint32; got string 32/,
    ],
    [
      'with five dimensions',
      { infos: [info('a', [1, 1, 1, 1, 1], F32, 0)] },
      /at most 4 dimensions; got 5/,
    ],
    [
      'with a type that ggml has not',
      { infos: [info('a', [4], 99, 0)] },
      /type of tensor "a" must be one of ggml; got 99/,
    ],
    [
      'with a type that ggml has dropped',
      { infos: [info('a', [32], 4, 0)] },
      /must be one of ggml; got 4/,
    ],
    [
      'with rows that blocks do not fill',
      { infos: [info('a', [33], Q4_0, 0)] },
      /rows that blocks of 32 do not fill/,
    ],
    [
      'with a tensor without a name',
      { infos: [info('', [4], F32, 0)] },
      /a tensor must have a name/,
    ],
    [
      'with a name of 64 bytes',
      { infos: [info('x'.repeat(64), [4], F32, 0)], data: 16 },
      /the length of the name of a tensor must be at most 63; got 64/,
    ],
    [
      'with a tensor twice',
      { infos: [info('a', [8], F32, 0), info('a', [8], F32, 32)], data: 64 },
      /tensor "a" must be there once/,
    ],
    [
      'with a gap',
      { infos: [info('a', [8], F32, 0), info('b', [8], F32, 64)], data: 96 },
      /tensor "b" must lie at byte 32 of the data; got 64/,
    ],
    [
      'with tensors that overlap',
      { infos: [info('a', [8], F32, 0), info('b', [8], F32, 0)], data: 64 },
      /tensor "b" must lie at byte 32 of the data; got 0/,
    ],
    [
      'that was cut',
      { infos: [info('a', [8], F32, 0)], data: 31 },
      /tensor "a" must end in the file; got byte \d+ of \d+: the file was cut/,
    ],
  ]

  it.each(WRONG)('%s is refused', async (_, raw, message) => {
    const path = await saved(rawFile(raw))
    const error = await openGguf(path).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(FormatError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toContain(path)
  })

  it('reads nothing behind the header', async () => {
    // A hole in place of 1 TiB of data.
    const { truncate } = await import('node:fs/promises')
    const path = await saved(rawFile({ infos: [info('a', [2 ** 20, 2 ** 18], F32, 0)] }))
    await truncate(path, 2 ** 40 + 2 ** 16)
    const { tensors } = await openGguf(path)
    expect(tensors.get('a')?.byteLength).toBe(2 ** 40)
  })

  it('asks for metadata by kind, and says what came', async () => {
    const { metadata } = await open({
      entries: [
        entry('llama.block_count', UINT32, u32(2)),
        entry('name', STRING, text('x')),
        entry('below', 5, Buffer.from(new Int32Array([-1]).buffer)),
      ],
    })
    expect(metadata.optionalString('absent')).toBeUndefined()
    expect(() => metadata.count('llama.blockcount')).toThrow(
      /metadata llama.blockcount must be a whole number; got none. It has 'llama.block_count'/,
    )
    expect(() => metadata.string('llama.block_count')).toThrow(/must be a string; got uint32 2/)
    expect(() => metadata.count('name')).toThrow(/name must be a whole number; got string 'x'/)
    expect(() => metadata.count('below')).toThrow(/must be a whole number; got int32 -1/)
    expect(() => metadata.strings('name')).toThrow(/must be a list of strings; got string/)
    expect(() => metadata.optionalNumbers('name')).toThrow(/must be a list of numbers/)
    expect(() => metadata.optionalFlag('name')).toThrow(/must be true or false/)
  })
})

describe('what other readers fell for', () => {
  it('CVE-2025-53630, CVE-2026-27940: sizes whose product or sum wraps', async () => {
    const shape = (sizes: bigint[]) => open({ infos: [info('a', sizes, F32, 0)], data: 64 })
    await expect(shape([2n ** 32n, 2n ** 32n])).rejects.toThrow(/more bytes than there can be/)
    await expect(shape([2n ** 62n])).rejects.toThrow(/a dimension of tensor "a" must be at most/)
    await expect(shape([2n ** 52n, 2n ** 11n])).rejects.toThrow(/more bytes than there can be/)
    await expect(shape([2n ** 40n])).rejects.toThrow(/must end in the file/)
  })

  it('GHSA-vgg9-87g3-85w8: an offset beyond the file', async () => {
    const at = (offset: bigint) => open({ infos: [info('a', [8], F32, offset)], data: 64 })
    await expect(at(2n ** 63n)).rejects.toThrow(/the place of tensor "a" must be at most/)
    await expect(at(32n)).rejects.toThrow(/must lie at byte 0/)
  })

  it('CVE-2026-7482: dimensions that declare more than the data', async () => {
    const raw = { infos: [info('a', [1024, 1024], F32, 0)], data: 64 }
    await expect(open(raw)).rejects.toThrow(/must end in the file/)
  })

  it('ggml 1516, ollama 17042, gguf-py 27188: lengths that take memory before they are looked at', async () => {
    const list = (element: number, length: bigint) =>
      open({ entries: [entry('k', ARRAY, u32(element), u64(length))] })
    await expect(list(STRING, 2n ** 63n)).rejects.toThrow(/length of the list k must be at most/)
    await expect(list(STRING, 2n ** 24n)).rejects.toThrow(
      /the 16777216 strings that it announces; got \d+ bytes/,
    )
    await expect(list(12, 2n ** 24n)).rejects.toThrow(/k must be 134217728 bytes/)
    await expect(open({ keyCount: 2n ** 63n })).rejects.toThrow(
      /number of keys must be at most 100000/,
    )
    await expect(open({ tensorCount: 2n ** 40n })).rejects.toThrow(
      /number of tensors must be at most 100000/,
    )
  })
})

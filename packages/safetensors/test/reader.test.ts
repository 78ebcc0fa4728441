import { rename, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { FormatError, readHeader, SafetensorsFile } from '../src/index.js'
import { fileBytes, writeBytes } from './helpers.js'

const entry = (dtype: string, shape: unknown, begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})
const utf8 = (text: string) => new TextEncoder().encode(text)

test('reads names, dtypes, shapes, offsets, metadata and data', async () => {
  const header = {
    __metadata__: { format: 'pt' },
    b: entry('BF16', [2, 3], 8, 20),
    a: entry('F32', [2], 0, 8),
    empty: entry('F32', [0, 7], 20, 20),
    scalar: entry('U8', [], 20, 21),
  }
  const bytes = fileBytes(header, 21)
  const file = await SafetensorsFile.open(await writeBytes(bytes))
  const start = bytes.length - 21
  expect([...file.tensors.keys()]).toEqual(['a', 'b', 'empty', 'scalar'])
  expect(file.tensors.get('b')).toEqual({
    name: 'b',
    dtype: 'BF16',
    shape: [2, 3],
    byteOffset: start + 8,
    byteLength: 12,
  })
  expect(file.metadata).toEqual({ format: 'pt' })
  expect([...(await file.read('a'))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(await file.read('empty')).toHaveLength(0)
  expect([...(await file.read('scalar'))]).toEqual([20])
  await expect(file.read('c')).rejects.toThrow('tensor "c" must exist')
})

test('a file without tensors is a file', async () => {
  expect((await readHeader(await writeBytes(fileBytes('{}', 0)))).tensors.size).toBe(0)
})

/** attack or damage, the file, what the error must say */
const corrupt: [string, Uint8Array, RegExp][] = [
  ['an empty file', new Uint8Array(0), /8 bytes of length; got 0 bytes/],
  ['a file shorter than its length field', new Uint8Array(7), /got 7 bytes/],
  [
    'a header of 2^63 bytes',
    fileBytes('{}', 0, 1n << 63n),
    /at most 100000000.*9223372036854775808/,
  ],
  ['a header beyond the limit', fileBytes('{}', 0, 100_000_001n), /at most 100000000/],
  ['a truncated header', fileBytes('{}', 0, 10n), /must be 10 bytes; got 2, 8 bytes are missing/],
  ['a header of no bytes', fileBytes('', 0), /start with "\{"; got an empty header/],
  ['another format in front (polyglot)', fileBytes('PK{}', 0), /start with "\{"; got byte 80/],
  ['white space before the header', fileBytes(' {}', 0), /start with "\{"; got byte 32/],
  ['a byte order mark', fileBytes(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), 0), /byte 239/],
  ['text that is not JSON', fileBytes('{"a":', 0), /must be JSON/],
  ['two JSON values', fileBytes('{}{}', 0), /must be JSON/],
  ['bytes that are not UTF-8', fileBytes(new Uint8Array([0x7b, 0xff, 0x7d]), 0), /UTF-8/],
  [
    'one name for two tensors',
    fileBytes(
      `{"a":${JSON.stringify(entry('U8', [1], 0, 1))},"a":${JSON.stringify(entry('U8', [1], 1, 2))}}`,
      2,
    ),
    /got "a" twice/,
  ],
  [
    'one name spelt two ways',
    fileBytes(
      `{"a":${JSON.stringify(entry('U8', [1], 0, 1))},"\\u0061" : ${JSON.stringify(entry('U8', [1], 1, 2))}}`,
      2,
    ),
    /got "a" twice/,
  ],
  [
    'two shapes for one tensor',
    fileBytes('{"a":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,1]}}', 1),
    /got "shape" twice/,
  ],
  [
    'metadata that is a list',
    fileBytes('{"__metadata__":[]}', 0),
    /__metadata__ must be an object/,
  ],
  [
    'metadata that is no string',
    fileBytes('{"__metadata__":{"a":1}}', 0),
    /"a" must be a string; got 1/,
  ],
  [
    'an entry that is no object',
    fileBytes('{"a":7}', 0),
    /tensor "a": an entry must be an object; got 7/,
  ],
  ['an unknown dtype', fileBytes({ a: entry('Q4', [1], 0, 1) }, 1), /"a": dtype must be.*got Q4/],
  ['a dtype from the prototype', fileBytes({ a: entry('toString', [1], 0, 1) }, 1), /got toString/],
  ['a missing dtype', fileBytes('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1), /dtype .*nothing/],
  [
    'an unknown field',
    fileBytes({ a: { ...entry('U8', [1], 0, 1), x: 1 } }, 1),
    /only dtype.*got x/,
  ],
  ['a negative size', fileBytes({ a: entry('U8', [-1], 0, 1) }, 1), /shape must be.*got \[-1\]/],
  ['a fractional size', fileBytes({ a: entry('U8', [1.5], 0, 1) }, 1), /shape must be.*1\.5/],
  ['a shape that is a string', fileBytes({ a: entry('U8', '1', 0, 1) }, 1), /shape must be/],
  [
    'sizes whose product wraps to 0 in 64 bits',
    fileBytes({ a: entry('U8', [2 ** 32, 2 ** 32], 0, 0) }, 0),
    /must have a size; got a size beyond 2\^53/,
  ],
  [
    'a size beyond exact numbers',
    fileBytes('{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,1]}}', 1),
    /shape must be/,
  ],
  [
    'fewer bytes than the shape needs',
    fileBytes({ a: entry('F32', [2], 0, 4) }, 4),
    /must take 8 bytes; got 4/,
  ],
  [
    'packed elements with a broken last byte',
    fileBytes({ a: entry('F4', [3], 0, 1) }, 1),
    /12 bits/,
  ],
  ['offsets that run backwards', fileBytes({ a: entry('U8', [1], 2, 1) }, 2), /not run backwards/],
  ['one offset', fileBytes('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}', 1), /two whole/],
  ['a negative offset', fileBytes({ a: entry('U8', [2], -1, 1) }, 1), /data_offsets must be two/],
  [
    'overlapping tensors',
    fileBytes({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, 3),
    /"b": data must start.*at byte 2; got 1, an overlap/,
  ],
  [
    'a gap that hides bytes',
    fileBytes({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, 3),
    /"b".*at byte 1; got 2, a gap/,
  ],
  ['a gap at the start', fileBytes({ a: entry('U8', [1], 1, 2) }, 2), /at byte 0; got 1, a gap/],
  ['bytes behind the last tensor', fileBytes({ a: entry('U8', [1], 0, 1) }, 4), /got 3 bytes more/],
  ['a truncated file', fileBytes({ a: entry('F32', [4], 0, 16) }, 5), /11 bytes are missing/],
]

test.each(corrupt)('refuses %s', async (_attack, bytes, message) => {
  const path = await writeBytes(bytes)
  const error = await readHeader(path).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(FormatError)
  expect((error as FormatError).code).toBe('ERR_LLFT_FORMAT')
  expect((error as FormatError).message).toContain(path)
  expect((error as FormatError).message).toMatch(message)
})

test('a name may be one of the prototype or hold quotes', async () => {
  const header = new Map([
    ['__proto__', entry('U8', [1], 0, 1)],
    ['a"b:\\', entry('U8', [1], 1, 2)],
  ])
  const json = `{${[...header].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)}}`
  const file = await SafetensorsFile.open(await writeBytes(fileBytes(utf8(json), 2)))
  expect([...file.tensors.keys()]).toEqual(['__proto__', 'a"b:\\'])
  expect([...(await file.read('a"b:\\'))]).toEqual([1])
})

test('a missing file is named', async () => {
  await expect(readHeader('/nowhere/model.safetensors')).rejects.toThrow(
    /^\/nowhere\/model\.safetensors: the file must be readable; got no such file/,
  )
})

test('a file that changed since it was opened is not read', async () => {
  const bytes = fileBytes({ a: entry('U8', [1], 0, 1) }, 1)
  const path = await writeBytes(bytes)
  const file = await SafetensorsFile.open(path)
  await writeFile(`${path}.new`, bytes)
  await rename(`${path}.new`, path)
  await expect(file.read('a')).rejects.toThrow('got a change since')
})

test('10 000 seeded mutations of a good file are read or refused, nothing else', async () => {
  const { parseHeader, parseHeaderLength } = await import('../src/header.js')
  const good = fileBytes(
    {
      __metadata__: { format: 'pt' },
      a: entry('F32', [2, 2], 0, 16),
      b: entry('BF16', [3], 16, 22),
    },
    22,
  )
  let state = 1
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  const outcomes = { read: 0, refused: 0 }
  for (let run = 0; run < 10_000; run++) {
    let bytes = good.slice()
    for (let change = below(4); change >= 0; change--) {
      const at = below(bytes.length)
      const kind = below(3)
      if (kind === 0) bytes[at] = below(256)
      else if (kind === 1) bytes = bytes.slice(0, at + 1)
      else bytes = new Uint8Array([...bytes.slice(0, at), ...bytes.slice(below(bytes.length))])
      if (bytes.length === 0) break
    }
    try {
      const length = parseHeaderLength('f', bytes, bytes.length)
      parseHeader('f', bytes.subarray(8, 8 + length), bytes.length)
      outcomes.read++
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError)
      outcomes.refused++
    }
  }
  expect(outcomes.refused).toBeGreaterThan(5000)
  expect(outcomes.read).toBeGreaterThan(100)
})

test('nested lists are refused before they cost anything', async () => {
  const deep = `{"a":${'['.repeat(10_000_000)}`
  const started = performance.now()
  await expect(SafetensorsFile.open(await writeBytes(fileBytes(utf8(deep), 0)))).rejects.toThrow(
    /the header:1:\d+: JSON must be at most 64 levels deep/,
  )
  expect(performance.now() - started).toBeLessThan(2000)
})

test('a shape of a million entries is not printed', async () => {
  const shape = new Array(1_000_000).fill(1)
  const bytes = fileBytes({ a: entry('F32', shape, 0, 8) }, 8)
  const error = await SafetensorsFile.open(await writeBytes(bytes)).catch((reason) => reason)
  expect(error).toBeInstanceOf(FormatError)
  expect(error.message.length).toBeLessThan(400)
})

test('a pointer of git-lfs is named', async () => {
  const pointer = utf8('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n')
  await expect(SafetensorsFile.open(await writeBytes(pointer))).rejects.toThrow(/lfs pull/)
})

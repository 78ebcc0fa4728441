import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FormatError, openCheckpoint, writeSafetensors } from '../src/index.js'
import { temporaryFolder } from './helpers.js'

const tensor = (name: string) => ({
  name,
  dtype: 'F32' as const,
  shape: [1],
  data: new Float32Array([name.length]),
})

async function sharded(weightMap: unknown, shards: Record<string, string[]>): Promise<string> {
  const folder = await temporaryFolder()
  for (const [file, names] of Object.entries(shards)) {
    await writeSafetensors(join(folder, file), names.map(tensor))
  }
  const index =
    typeof weightMap === 'string' ? weightMap : JSON.stringify({ weight_map: weightMap })
  await writeFile(join(folder, 'model.safetensors.index.json'), index)
  return folder
}

test('finds each tensor in its shard and reports those that no one listed', async () => {
  const folder = await sharded(
    { a: '1.safetensors', bb: '2.safetensors' },
    { '1.safetensors': ['a'], '2.safetensors': ['bb', 'ccc'] },
  )
  const checkpoint = await openCheckpoint(folder)
  expect(checkpoint.files).toHaveLength(2)
  expect(checkpoint.tensors.get('bb')?.file.path).toBe(join(folder, '2.safetensors'))
  expect(new Float32Array((await checkpoint.read('bb')).buffer)[0]).toBe(2)
  expect(checkpoint.unlisted).toEqual(['ccc'])
  await expect(checkpoint.read('d')).rejects.toThrow('tensor "d" must exist')
})

test.each<[string, unknown, Record<string, string[]>, RegExp]>([
  [
    'missing shards, all of them named',
    { a: '1.safetensors', b: '2.safetensors', c: '3.safetensors' },
    { '1.safetensors': ['a'] },
    /got 1 of 3, missing 2\.safetensors, 3\.safetensors/,
  ],
  [
    'a tensor that its shard lacks',
    { a: '1.safetensors', b: '1.safetensors' },
    { '1.safetensors': ['a'] },
    /not so for "b" in 1\.safetensors/,
  ],
  [
    'a tensor that lies in another shard',
    { a: '1.safetensors', b: '1.safetensors', c: '2.safetensors' },
    { '1.safetensors': ['a'], '2.safetensors': ['b', 'c'] },
    /not so for "b" in 1\.safetensors/,
  ],
  [
    'a tensor in two shards',
    { a: '1.safetensors', b: '2.safetensors' },
    { '1.safetensors': ['a'], '2.safetensors': ['a', 'b'] },
    /"a" must lie in one shard/,
  ],
  ['a path out of the folder', { a: '../1.safetensors' }, {}, /same folder; got '\.\.\/1/],
  ['an absolute path', { a: '/etc/x.safetensors' }, {}, /same folder/],
  ['a shard that is no name', { a: 3 }, {}, /same folder; got 3/],
  ['no weight_map', '{}', {}, /"weight_map" must be an object/],
  ['no object', 'null', {}, /must hold a JSON object; got null/],
  ['an index that is no JSON', '{', {}, /must be JSON/],
  [
    'a key that comes twice',
    '{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}',
    {},
    /"a" twice/,
  ],
])('refuses %s', async (_what, map, shards, message) => {
  const error = await openCheckpoint(await sharded(map, shards)).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(FormatError)
  expect((error as Error).message).toMatch(message)
})

test('a folder without weights says what it looked for', async () => {
  const folder = await temporaryFolder()
  await expect(openCheckpoint(folder)).rejects.toThrow(
    'model.safetensors or model.safetensors.index.json; got neither',
  )
  await rm(folder, { recursive: true })
  await expect(openCheckpoint(folder)).rejects.toThrow('got neither')
})

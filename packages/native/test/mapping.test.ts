import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DeviceError, DisposedError, FormatError, type Mapping } from '../src/index.js'
import { addon, valuesOf } from './support.js'

const folder = mkdtempSync(join(tmpdir(), 'llft-native-'))
const path = join(folder, 'floats.bin')
writeFileSync(
  path,
  Buffer.concat([Buffer.from(Float32Array.of(1, 2, 3, 4).buffer), Buffer.from('x')]),
)
afterAll(() => rmSync(folder, { recursive: true }))

describe('mapped files', () => {
  it('give read-only tensors that outlive the mapping and take no memory', async () => {
    const before = addon.memoryStats().bytesInUse
    const mapping = addon.mapFile(path)
    const x = addon.fromMapping(mapping, 4, 'float32', [3])
    addon.unmapFile(mapping)
    expect(addon.isReadOnly(x)).toBe(true)
    expect(addon.memoryStats().bytesInUse).toBe(before)
    expect(await valuesOf(x)).toEqual([2, 3, 4])
    expect(() => addon.fill(x, 0)).toThrow(DeviceError)
    expect(() => addon.fill(x, 0)).toThrow(
      /^fill: x must be writable; got a tensor of a mapped file/,
    )
    addon.release(x)
  })

  it('give a copy where the offset is not aligned', async () => {
    const mapping = addon.mapFile(path)
    const x = addon.fromMapping(mapping, 1, 'float32', [4])
    expect(addon.isReadOnly(x)).toBe(false)
    const bytes = Buffer.from(await addon.read(x))
    expect(bytes.at(-1)).toBe('x'.charCodeAt(0))
    addon.release(x)
    addon.unmapFile(mapping)
  })

  it('refuse ranges outside of the file', () => {
    const mapping = addon.mapFile(path)
    for (const offset of [8, 2 ** 52]) {
      expect(() => addon.fromMapping(mapping, offset, 'float32', [3])).toThrow(FormatError)
    }
    expect(() => addon.fromMapping(mapping, 0, 'float32', [2 ** 45])).toThrow(FormatError)
    addon.unmapFile(mapping)
  })

  it('refuse a mapping that is closed or was never open', () => {
    const mapping = addon.mapFile(path)
    addon.unmapFile(mapping)
    expect(() => addon.unmapFile(mapping)).toThrow(DisposedError)
    expect(() => addon.fromMapping(mapping, 0, 'uint8', [1])).toThrow(DisposedError)
    expect(() => addon.unmapFile(12 as Mapping)).toThrow(DisposedError)
  })

  it('name a file that is missing, or is none', () => {
    expect(() => addon.mapFile(join(folder, 'absent'))).toThrow(FormatError)
    expect(() => addon.mapFile(join(folder, 'absent'))).toThrow(/absent.*No such file/)
    expect(() => addon.mapFile(folder)).toThrow(/not a regular file/)
  })
})

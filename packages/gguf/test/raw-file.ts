import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

// Lays bytes out as a test says, right or wrong; the writer of the package would refuse most of it.

export const u8 = (value: number) => Buffer.from([value])
export const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
export const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
export const text = (value: string | Buffer) => {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([u64(bytes.length), bytes])
}
export const entry = (key: string, type: number, ...value: Buffer[]) =>
  Buffer.concat([text(key), u32(type), ...value])
export const info = (
  name: string,
  sizes: readonly (number | bigint)[],
  type: number,
  offset: number | bigint,
) => Buffer.concat([text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(offset)])

export interface RawFile {
  readonly magic?: string
  readonly version?: number
  readonly tensorCount?: number | bigint
  readonly keyCount?: number | bigint
  readonly entries?: readonly Buffer[]
  readonly infos?: readonly Buffer[]
  /** Bytes behind the header and its padding. */
  readonly data?: number
  readonly alignment?: number
}

export function rawFile(raw: RawFile): Buffer {
  const { magic = 'GGUF', version = 3, entries = [], infos = [], data = 0, alignment = 32 } = raw
  const header = Buffer.concat([
    Buffer.from(magic, 'latin1'),
    u32(version),
    u64(raw.tensorCount ?? infos.length),
    u64(raw.keyCount ?? entries.length),
    ...entries,
    ...infos,
  ])
  const end = Math.ceil(header.length / alignment) * alignment
  return Buffer.concat([header, Buffer.alloc(end - header.length + data, 7)])
}

let folder: string | undefined
let files = 0

/** Writes a file that is gone after the tests. */
export async function saved(bytes: Uint8Array, name = `${files++}.gguf`): Promise<string> {
  const path = join(await temporaryFolder(), name)
  await writeFile(path, bytes)
  return path
}

export async function temporaryFolder(): Promise<string> {
  folder ??= await mkdtemp(join(tmpdir(), 'llft-gguf-'))
  return folder
}

afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true })
})

import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { flush } from '@llft/safetensors'
import type { ManifestEntry } from './manifest.js'

/** Bytes that are hashed and written before the event loop gets its turn. */
const CHUNK_BYTES = 1 << 20

/** Writes the bytes of a file of a checkpoint and puts them on the disk. @returns what the manifest says of it */
export async function writeCheckpointFile(
  path: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<ManifestEntry> {
  const handle = await open(path, 'wx')
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const part of content) {
      for (let at = 0; at < part.length; at += CHUNK_BYTES) {
        const chunk = part.subarray(at, at + CHUNK_BYTES)
        hash.update(chunk)
        await writeAll(handle, chunk)
        bytes += chunk.length
      }
    }
    await flush(handle)
  } finally {
    await handle.close()
  }
  return { bytes, sha256: hash.digest('hex') }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done)).bytesWritten
  }
}

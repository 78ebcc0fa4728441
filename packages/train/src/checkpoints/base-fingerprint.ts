import { createHash, type Hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { readTextFile } from '@llft/input'
import { type CheckpointTensor, openCheckpoint } from '@llft/safetensors'

/** Bytes that are read of each tensor, at its start and in its middle. */
const SAMPLE_BYTES = 4096

/**
 * SHA-256 of a model folder: of config.json, and of name, type, shape and two samples of every tensor, however they lie in
 * files. Another model, or the same one trained further, differs in every tensor; reading all of them would take minutes.
 */
export async function fingerprintOfFolder(folder: string): Promise<string> {
  const hash = createHash('sha256')
  hash.update(await readTextFile(join(folder, 'config.json')))
  const { tensors } = await openCheckpoint(folder)
  for (const tensor of inOrderOfNames(tensors)) await addTensor(hash, tensor)
  return hash.digest('hex')
}

function inOrderOfNames(tensors: ReadonlyMap<string, CheckpointTensor>): CheckpointTensor[] {
  return [...tensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function addTensor(hash: Hash, tensor: CheckpointTensor): Promise<void> {
  const { name, dtype, shape, byteOffset, byteLength, file } = tensor
  hash.update(JSON.stringify([name, dtype, shape]))
  const handle = await open(file.path, 'r')
  try {
    const middle = Math.floor(byteLength / 2)
    for (const start of byteLength > SAMPLE_BYTES ? [0, middle] : [0]) {
      const length = Math.min(SAMPLE_BYTES, byteLength - start)
      const { buffer, bytesRead } = await handle.read(
        Buffer.alloc(length),
        0,
        length,
        byteOffset + start,
      )
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await handle.close()
  }
}

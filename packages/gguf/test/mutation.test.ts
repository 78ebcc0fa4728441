import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FormatError, gguf, openGguf, writeGguf } from '../src/index.js'
import { temporaryFolder } from './raw-file.js'

/** Random changes; a longer run sets more. */
const EXECUTIONS = Number(process.env.LLFT_FUZZ_EXECUTIONS ?? 3000)

async function smallFile(): Promise<Buffer> {
  const path = join(await temporaryFolder(), 'small.gguf')
  await writeGguf(path, {
    metadata: {
      'general.architecture': gguf.string('llama'),
      'llama.rope.freq_base': gguf.float32(10_000),
      'general.big': gguf.uint64(2n ** 40n),
      'tokenizer.ggml.tokens': gguf.strings(Array.from({ length: 60 }, (_, i) => `token ${i}`)),
      'tokenizer.ggml.token_type': gguf.int32s(new Int32Array(60)),
      'tokenizer.ggml.add_bos_token': gguf.bool(false),
    },
    tensors: [
      { name: 'token_embd.weight', type: 'F16', shape: [4, 8], data: () => new Uint8Array(64) },
      { name: 'blk.0.attn_q.weight', type: 'Q4_0', shape: [2, 32], data: () => new Uint8Array(36) },
    ],
  })
  return readFile(path)
}

/** Opens bytes; a file that breaks the format must be refused as such, and nothing else may happen. */
async function tried(bytes: Uint8Array): Promise<'read' | 'refused'> {
  const path = join(await temporaryFolder(), 'changed.gguf')
  await writeFile(path, bytes)
  try {
    const { tensors } = await openGguf(path)
    for (const { file, name } of tensors.values()) await file.read(name)
    return 'read'
  } catch (error) {
    if (error instanceof FormatError) return 'refused'
    throw error
  }
}

describe('a file whose bytes are not what they were', () => {
  it('is read or refused, whichever byte it is', async () => {
    const bytes = await smallFile()
    const outcomes = { read: 0, refused: 0 }
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] as number) ^ 0xff
      outcomes[await tried(changed)] += 1
    }
    expect(outcomes.refused).toBeGreaterThan(100)
    expect(outcomes.read).toBeGreaterThan(100)
  }, 60_000)

  it('is refused wherever it ends', async () => {
    const bytes = await smallFile()
    const last = bytes.length - (64 - 36)
    for (let length = 0; length < last; length += 7) {
      expect(await tried(bytes.subarray(0, length)), String(length)).toBe('refused')
    }
  }, 60_000)

  it('is read or refused after any number of changes', async () => {
    const bytes = await smallFile()
    let state = 12345
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    for (let run = 0; run < EXECUTIONS; run++) {
      const changed = Buffer.from(bytes)
      for (let i = 0; i <= random(4); i++) {
        const at = random(changed.length - 8)
        if (random(3) === 0)
          changed.writeBigUInt64LE(BigInt(random(2 ** 31)) << BigInt(random(34)), at)
        else changed[at] = random(256)
      }
      await tried(changed)
    }
  }, 3_600_000)
})

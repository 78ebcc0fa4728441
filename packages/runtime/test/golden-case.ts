import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SafetensorsFile } from '@llft/safetensors'
import type { TokenBatch } from '../src/index.js'

/** A reference case: a model folder and what transformers says of it (tests/golden/models). */
export interface GoldenCase {
  folder: string
  /** Token rows, right padding removed. */
  rows: number[][]
  /** Labels of those rows, not shifted. */
  labels: number[][]
  /** [B, T, V], padded as the reference had it. */
  logits: Float32Array
  paddedLength: number
  vocabulary: number
  loss: number
  /** A prompt and its greedy continuation. */
  greedy: number[]
  promptTokens: number
}

const PROMPT_TOKENS = 6
const FOLDER = fileURLToPath(new URL('../../../tests/golden/models', import.meta.url))

/** Every case that there is. */
export function goldenNames(): string[] {
  return readdirSync(FOLDER).filter((name) => existsSync(`${FOLDER}/${name}/expect.json`))
}

export async function goldenCase(name: string): Promise<GoldenCase> {
  const folder = `${FOLDER}/${name}`
  const file = await SafetensorsFile.open(`${folder}/expect.safetensors`)
  const longs = async (tensor: string) =>
    [...new BigInt64Array((await file.read(tensor)).buffer as ArrayBuffer)].map(Number)
  const floats = async (tensor: string) =>
    new Float32Array((await file.read(tensor)).buffer as ArrayBuffer)
  const [batch = 0, length = 0, vocabulary = 0] = file.tensors.get('logits')?.shape ?? []
  const [ids, mask, labels] = [
    await longs('input_ids'),
    await longs('attention_mask'),
    await longs('labels'),
  ]
  const cut = (values: number[]) =>
    Array.from({ length: batch }, (_, row) =>
      values
        .slice(row * length, (row + 1) * length)
        .filter((_, at) => mask[row * length + at] === 1),
    )
  return {
    folder,
    rows: cut(ids),
    labels: cut(labels),
    logits: await floats('logits'),
    paddedLength: length,
    vocabulary,
    loss: (await floats('loss'))[0] as number,
    greedy: await longs('greedy'),
    promptTokens: PROMPT_TOKENS,
  }
}

/** Rows laid end to end, with each token's next label as its target. */
export function packedBatch(rows: readonly number[][], labels: readonly number[][]): TokenBatch {
  const starts = [0]
  for (const row of rows) starts.push((starts.at(-1) as number) + row.length)
  return {
    ids: Int32Array.from(rows.flat()),
    targets: Int32Array.from(labels.flatMap((row) => [...row.slice(1), -100])),
    positions: Int32Array.from(rows.flatMap((row) => row.map((_, at) => at))),
    cuSeqlens: Int32Array.from(starts),
  }
}

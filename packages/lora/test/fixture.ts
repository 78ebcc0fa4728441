import { fileURLToPath } from 'node:url'
import {
  type CausalLM,
  type HostArray,
  type Module,
  noGrad,
  scope,
  type TokenBatch,
} from '@llft/runtime'
import { SafetensorsFile } from '@llft/safetensors'

export const FIXTURES = fileURLToPath(new URL('./fixtures', import.meta.url))
export const GOLDEN = fileURLToPath(new URL('../../../tests/golden/models', import.meta.url))

/** Every tensor of a safetensors file as numbers, by name. */
export async function readTensors(path: string): Promise<Map<string, Float32Array>> {
  const file = await SafetensorsFile.open(path)
  const tensors = new Map<string, Float32Array>()
  for (const { name, dtype } of file.tensors.values()) {
    const { buffer } = await file.read(name)
    const values =
      dtype === 'I64'
        ? Float32Array.from(new BigInt64Array(buffer as ArrayBuffer), Number)
        : new Float32Array(buffer as ArrayBuffer)
    tensors.set(name, values)
  }
  return tensors
}

/** Rows of one length without padding, with the label of the next token as target. */
export function denseBatch(ids: Float32Array, labels: Float32Array, length: number): TokenBatch {
  const rows = ids.length / length
  return {
    ids: Int32Array.from(ids),
    targets: Int32Array.from(labels, (_, at) =>
      (at + 1) % length === 0 ? -100 : (labels[at + 1] as number),
    ),
    positions: Int32Array.from(ids, (_, at) => at % length),
    cuSeqlens: Int32Array.from({ length: rows + 1 }, (_, row) => row * length),
  }
}

/** Logits of a batch on the host. */
export async function logitsOf(model: CausalLM, batch: TokenBatch): Promise<Float32Array> {
  const logits = scope(() => noGrad(() => model.logits(model.forward(batch))))
  try {
    return (await logits.read()) as Float32Array
  } finally {
    logits.dispose()
  }
}

export async function valuesOf(module: Module): Promise<Map<string, HostArray>> {
  const values = new Map<string, HostArray>()
  for (const [name, tensor] of module.parameters()) values.set(name, await tensor.read())
  return values
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number))
    if (!(difference <= largest)) largest = difference
  }
  return largest
}

/** |a - b| / |b|, Euclidean. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let [difference, norm] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    difference += ((a[i] as number) - (b[i] as number)) ** 2
    norm += (b[i] as number) ** 2
  }
  return Math.sqrt(difference / norm)
}

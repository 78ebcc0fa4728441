import type { TensorInfo } from '@llft/safetensors'
import { formatBytes, formatCount } from '@llft/train'

/** Tensors that are named where not all are. */
const LARGEST = 3

/** Numbers and types of tensors, and the largest or all of them. */
export function tensorFacts(
  tensors: readonly TensorInfo[],
  lists: boolean,
): Record<string, string> {
  const bytes = (list: readonly TensorInfo[]) =>
    list.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const dtypes = byDtype(tensors)
  const shown = lists
    ? tensors
    : [...tensors].sort((a, b) => b.byteLength - a.byteLength).slice(0, LARGEST)
  return {
    tensors: `${formatCount(tensors.length)}, ${formatBytes(bytes(tensors))}`,
    types: [...dtypes].map(([dtype, list]) => `${dtype} ${formatBytes(bytes(list))}`).join(', '),
    [lists ? 'all' : 'largest']: shown
      .map(({ name, dtype, shape }) => `${name}  ${dtype} [${shape.join(', ')}]`)
      .join('\n'),
  }
}

function byDtype(tensors: readonly TensorInfo[]): Map<string, TensorInfo[]> {
  const found = new Map<string, TensorInfo[]>()
  for (const tensor of tensors)
    found.set(tensor.dtype, [...(found.get(tensor.dtype) ?? []), tensor])
  return found
}

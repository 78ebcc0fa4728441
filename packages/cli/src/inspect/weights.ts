import type { SafetensorsDtype, TensorInfo } from '@llft/safetensors'
import { formatCount } from '@llft/train'
import { formatSize } from '../size.js'
import type { InspectOptions, Section } from './inspection.js'

/** The largest tensors that are shown where not all are. */
const LARGEST = 5

/** What the tensors of one element type come to. */
export interface DtypeFacts {
  readonly tensors: number
  readonly elements: number
  readonly bytes: number
}

export interface WeightFacts extends DtypeFacts {
  readonly dtypes: Readonly<Partial<Record<SafetensorsDtype, DtypeFacts>>>
}

/** Counts tensors by their element types. */
export function weightFacts(tensors: Iterable<TensorInfo>): WeightFacts {
  const dtypes: Partial<Record<SafetensorsDtype, DtypeFacts>> = {}
  let all: DtypeFacts = { tensors: 0, elements: 0, bytes: 0 }
  for (const tensor of tensors) {
    dtypes[tensor.dtype] = plus(dtypes[tensor.dtype], tensor)
    all = plus(all, tensor)
  }
  return { ...all, dtypes }
}

function plus(
  { tensors, elements, bytes }: DtypeFacts = { tensors: 0, elements: 0, bytes: 0 },
  tensor: TensorInfo,
): DtypeFacts {
  const added = elements + elementsOf(tensor)
  return { tensors: tensors + 1, elements: added, bytes: bytes + tensor.byteLength }
}

/** A table of element types, and the largest tensors or all of them. */
export function weightSections(
  tensors: readonly TensorInfo[],
  facts: WeightFacts,
  { tensors: all = false }: InspectOptions,
): Section[] {
  const types = Object.entries(facts.dtypes).sort(([, a], [, b]) => b.bytes - a.bytes)
  const shown = all ? tensors : largestOf(tensors)
  return [
    {
      title: 'Weights',
      grid: {
        headings: ['dtype', 'tensors', 'elements', 'size'],
        rows: types.map(([dtype, { tensors: count, elements, bytes }]) => [
          dtype,
          formatCount(count),
          formatCount(elements),
          formatSize(bytes),
        ]),
        right: [1, 2, 3],
      },
    },
    {
      title:
        all || shown.length === tensors.length
          ? 'Tensors'
          : 'Largest tensors (--tensors lists all)',
      grid: {
        headings: ['name', 'dtype', 'shape', 'size'],
        rows: shown.map(({ name, dtype, shape, byteLength }) => [
          name,
          dtype,
          `[${shape.join(', ')}]`,
          formatSize(byteLength),
        ]),
        right: [3],
      },
    },
  ]
}

function largestOf(tensors: readonly TensorInfo[]): TensorInfo[] {
  return [...tensors].sort((a, b) => b.byteLength - a.byteLength).slice(0, LARGEST)
}

function elementsOf({ shape }: TensorInfo): number {
  return shape.reduce((product, size) => product * size, 1)
}

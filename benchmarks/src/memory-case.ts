import { BYTES_OF_TYPE, type FloatType } from './float-type.js'

/** Arrays [rows, columns] of the kernels that memory bounds: 128 MB in float32, 64 MB in bfloat16. */
export const MEMORY_ROWS = 16384
export const MEMORY_COLUMNS = 2048

/** How often the kernels read or write an element: those of the case's own type, and those that are always float32. */
const STREAMS = {
  add: [3, 0],
  mul: [3, 0],
  scale: [2, 0],
  accumulate: [1, 2],
  /** To float32 from bfloat16, and the other way: the type is that of the source. */
  convert: [1, 0],
  'rmsNorm forward': [2, 0],
  /** Back it reads dy and x, and writes dx. */
  'rmsNorm forward + backward': [5, 0],
  /** The branch, the residual stream and their sum in float32, and the normalised sum. */
  'addRmsNorm forward': [2, 2],
  'swiglu forward': [3, 0],
  /** Back it reads dy, gate and up, and writes dgate and dup. */
  'swiglu forward + backward': [8, 0],
  rope: [2, 0],
  dropout: [2, 0],
  embedding: [2, 0],
  /** Parameter and both moments there and back, and the gradient. */
  'adamw step': [0, 7],
} as const

export type MemoryKernel = keyof typeof STREAMS

/** A kernel that does little with what it reads, over arrays beyond the caches. */
export interface MemoryCase {
  op: 'memory'
  kernel: MemoryKernel
  dtype: FloatType
}

export const MEMORY_KERNELS = Object.keys(STREAMS) as MemoryKernel[]

/** What one call must read and write, each array once. Vectors of a row, tables and ids are left out: below 0.1 %. */
export function memoryBytes({ kernel, dtype }: MemoryCase): number {
  const [own, float32] = STREAMS[kernel]
  const elements = MEMORY_ROWS * MEMORY_COLUMNS
  const target = kernel === 'convert' ? BYTES_OF_TYPE[otherType(dtype)] : 0
  return elements * (own * BYTES_OF_TYPE[dtype] + 4 * float32 + target)
}

export function otherType(dtype: FloatType): FloatType {
  return dtype === 'float32' ? 'bfloat16' : 'float32'
}

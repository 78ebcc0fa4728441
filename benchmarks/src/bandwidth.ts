import { FLOAT_TYPES, SHORT_TYPE } from './float-type.js'
import { measureOps, type NamedOp } from './measure-ops.js'
import { MEMORY_KERNELS } from './memory-case.js'
import type { BenchOptions, Result } from './result.js'

/**
 * Kernels that memory bounds, over arrays of 64 or 128 MB. The limit counts what a kernel must read and write as if all
 * were read: bytes per second over those that the same threads read from 256 MB at the same time.
 */
export function bandwidth(options: BenchOptions): Promise<Result[]> {
  return measureOps('bandwidth', memoryOps(), undefined, options)
}

/** The step of an optimiser has one type. */
function memoryOps(): NamedOp[] {
  return MEMORY_KERNELS.flatMap((kernel) =>
    FLOAT_TYPES.filter((dtype) => kernel !== 'adamw step' || dtype === 'float32').map((dtype) => ({
      name: `${SHORT_TYPE[dtype]} ${kernel}`,
      op: { op: 'memory', kernel, dtype } as const,
    })),
  )
}

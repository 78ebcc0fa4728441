import type { Mapping } from '@llft/native'
import { inDryRun } from './device.js'
import { native } from './native.js'
import { keep } from './scope.js'
import { Tensor } from './tensor.js'
import { type TensorSpec, tensorBytes } from './tensor-spec.js'

/** Bytes at whole multiples of which a tensor starts in its file. */
const ALIGNMENT = 64

/**
 * Zeros in a file instead of memory: the system keeps of them in memory what it has room for. The file has no name,
 * and goes with the last of its tensors, however the process ends.
 *
 * @param folder where the file takes its room; one on a disk, not in memory.
 * @throws OutOfMemoryError where the folder has no room, ConfigError where it cannot hold a file.
 */
export function spilledZeros(specs: readonly TensorSpec[], folder: string): Tensor[] {
  if (inDryRun()) {
    return specs.map(({ shape, dtype }) =>
      keep(new Tensor(native().planMapping(dtype, shape, true))),
    )
  }
  let end = 0
  const offsets = specs.map(({ shape, dtype }) => {
    const offset = end
    end += Math.ceil(tensorBytes(shape, dtype) / ALIGNMENT) * ALIGNMENT
    return offset
  })
  const file: Mapping = native().createSpill(folder, end)
  try {
    return specs.map(({ shape, dtype }, index) =>
      keep(new Tensor(native().fromMapping(file, offsets[index] as number, dtype, shape))),
    )
  } finally {
    native().unmapFile(file)
  }
}

/** Lets the system take the memory of a tensor that lies in a file once the device has come this far; its values stay. */
export function releasePages(tensor: Tensor): void {
  native().releasePages(tensor.handle)
}

import type { DType } from '@llft/native'
import type { TensorSource } from '@llft/safetensors'
import { noGrad } from '../autograd/tape.js'
import { cast } from '../ops/elementwise.js'
import { unscoped } from '../scope.js'
import { Tensor } from '../tensor.js'
import { safetensorsDtype } from './file-dtypes.js'

/** A tensor that is made when it is written, and freed after that. */
export interface TensorRecipe {
  readonly shape: readonly number[]
  make(): Tensor
}

/** A tensor for a file, read when its turn comes and stored as `dtype`; at most one copy of it exists at a time. */
export function tensorSource(
  name: string,
  tensor: Tensor | TensorRecipe,
  dtype: DType,
): TensorSource {
  const data = async () =>
    tensor instanceof Tensor
      ? bytesAs(tensor, dtype)
      : consumed(
          unscoped(() => noGrad(() => tensor.make())),
          (made) => bytesAs(made, dtype),
        )
  return { name, dtype: safetensorsDtype(dtype), shape: tensor.shape, data }
}

function bytesAs(tensor: Tensor, dtype: DType): Promise<Uint8Array> {
  if (tensor.dtype === dtype) return bytesOf(tensor)
  return consumed(
    unscoped(() => noGrad(() => cast(tensor, dtype))),
    bytesOf,
  )
}

async function bytesOf(tensor: Tensor): Promise<Uint8Array> {
  return new Uint8Array(await tensor.readBytes())
}

/** What `use` makes of a tensor that is freed after it. */
async function consumed<T>(tensor: Tensor, use: (tensor: Tensor) => Promise<T>): Promise<T> {
  try {
    return await use(tensor)
  } finally {
    tensor.dispose()
  }
}

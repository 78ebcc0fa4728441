import { noGrad } from '../autograd/tape.js'
import { cast } from '../ops/elementwise.js'
import { keep } from '../scope.js'
import type { Tensor } from '../tensor.js'

/**
 * The tensor that an optimiser can update in place: `tensor` itself if it is float32 in memory of its own, else a
 * float32 copy, after which `tensor` is freed.
 */
export function toMaster(tensor: Tensor): Tensor {
  if (tensor.dtype === 'float32' && !tensor.readOnly) return tensor
  const master = keep(noGrad(() => cast(tensor, 'float32')))
  tensor.dispose()
  return master
}

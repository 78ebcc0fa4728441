import { record } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** Cosines and sines of rotary positions, float32 [P, C] each. */
export interface RopeTables {
  cosines: Tensor
  sines: Tensor
}

/**
 * Rotary position embedding (Su et al. 2021) on the first 2 C columns of each head, halves paired (i, i + C).
 * x [T, H, Dh], positions int32 [T].
 */
export function rope(x: Tensor, tables: RopeTables, positions: Tensor): Tensor {
  const { cosines, sines } = tables
  const y = rotated(x, cosines, sines, positions, false)
  record({
    inputs: [x],
    output: y,
    saved: [cosines, sines, positions],
    backward: (dy, [cosines, sines, positions]) => [rotated(dy, cosines, sines, positions, true)],
  })
  return y
}

function rotated(x: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, inverse: boolean): Tensor {
  return new Tensor(native().rope(x.handle, cos.handle, sin.handle, positions.handle, inverse))
}

import { record } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** Rows of weight [V, D] for ids int32 [T] -> [T, D]. The gradient of the weight is float32 [V, D]. */
export function embedding(weight: Tensor, ids: Tensor): Tensor {
  const y = new Tensor(native().embedding(weight.handle, ids.handle))
  const vocabulary = weight.shape[0] as number
  record({
    inputs: [weight],
    output: y,
    saved: [ids],
    backward: (dy, [ids]) => [
      new Tensor(native().embeddingBackward(dy.handle, ids.handle, vocabulary)),
    ],
  })
  return y
}

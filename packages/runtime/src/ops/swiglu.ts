import { record } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** silu(gate) * up (Shazeer 2020), element by element. */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  const y = new Tensor(native().swiglu(gate.handle, up.handle))
  record({
    inputs: [gate, up],
    output: y,
    saved: [gate, up],
    backward: (dy, [gate, up], [needsGate, needsUp]) => {
      const [dgate, dup] = native().swigluBackward(dy.handle, gate.handle, up.handle)
      const gradients = [new Tensor(dgate), new Tensor(dup)]
      return [needsGate ? gradients[0] : undefined, needsUp ? gradients[1] : undefined]
    },
  })
  return y
}

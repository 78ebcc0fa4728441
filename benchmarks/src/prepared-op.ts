import { record, Tensor } from '@llft/runtime'

/** An op with its operands. */
export interface Prepared {
  once: () => void
  operands: readonly { dispose(): void }[]
}

// A loss before, and gradients of leaves behind would be timed too: these two nodes of the tape stand in for them.

/** A loss whose gradient for `y` is `dy`, which exists already. */
export function received(y: Tensor, dy: Tensor): Tensor {
  const loss = Tensor.zeros([1])
  record({ inputs: [y], output: loss, saved: [], backward: () => [dy.retain()] })
  return loss
}

/** `x` again; its gradient is computed and goes nowhere. */
export function dropped(x: Tensor): Tensor {
  const same = x.retain()
  record({ inputs: [x], output: same, saved: [], backward: () => [undefined] })
  return same
}

import { keep, scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { propagate } from './backward.js'
import { type RandomState, randomState, setRandomState } from './random.js'
import { attach, isRecording, probe, withGrad } from './tape.js'
import { Variable } from './variable.js'

type Optional = Tensor | undefined

/**
 * Runs `block(...inputs)` and keeps only the inputs for backward, which runs the block again: memory of one
 * block's activations against one more forward (Chen et al. 2016). The second run draws the same dropout masks.
 *
 * @param block must depend on nothing but its inputs, parameters and dropout, and return new tensors.
 */
export function checkpoint<const I extends readonly Optional[], O extends readonly Tensor[]>(
  block: (...inputs: I) => O,
  inputs: I,
): O {
  if (!isRecording()) return block(...inputs)
  const random = randomState()
  const { result, differentiable } = probe(() => scope(() => block(...inputs)))
  if (differentiable) {
    attach(inputs, result, inputs, (dys, saved, needs) =>
      withRandom(random, () => recompute(block, saved as unknown as I, needs, dys)),
    )
  }
  return result
}

function recompute<I extends readonly Optional[]>(
  block: (...inputs: I) => readonly Tensor[],
  saved: I,
  needs: readonly boolean[],
  dys: readonly Optional[],
): Optional[] {
  const inputs = saved.map((tensor, index) => detached(tensor, needs[index] === true))
  try {
    const outputs = withGrad(() => scope(() => block(...(inputs as unknown as I))))
    const roots = outputs.flatMap((output, index) => {
      const dy = dys[index]
      const variable = output.variable
      return dy === undefined || variable === undefined
        ? []
        : [{ variable, gradient: keep(dy.retain()) }]
    })
    propagate(roots)
    return inputs.map((input) => takeGradient(input))
  } finally {
    for (const input of inputs) takeGradient(input)?.dispose()
  }
}

/** The same memory as a start of its own tape; its gradient is captured. */
function detached(tensor: Optional, captured: boolean): Optional {
  const input = tensor?.retain()
  if (captured && input !== undefined)
    input.variable = new Variable<Tensor>(undefined, undefined).retain()
  return input
}

function takeGradient(input: Optional): Optional {
  const gradient = input?.variable?.gradient
  if (input?.variable !== undefined) input.variable.gradient = undefined
  return gradient
}

function withRandom<T>(state: RandomState, fn: () => T): T {
  const after = randomState()
  setRandomState(state)
  try {
    return fn()
  } finally {
    setRandomState(after)
  }
}

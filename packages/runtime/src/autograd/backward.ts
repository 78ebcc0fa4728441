import { ShapeError } from '@llft/errors'
import { accumulate, add, cast } from '../ops/elementwise.js'
import { keep, scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { noGrad } from './tape.js'
import type { TapeNode, Variable } from './variable.js'

/** Milliseconds for which `backwardInTurns` keeps the event loop waiting. */
const SLICE_MS = 4

/**
 * Gradients of a sum with respect to every leaf that it depends on, added to their `grad` in float32.
 *
 * Nodes run in the reverse order of recording; each frees what it saved as soon as it ran, so the tape of `loss`
 * is used up. If one fails, the rest is freed as well and gradients of leaves may be incomplete.
 *
 * @param loss one element, made with the tape on.
 * @throws ShapeError if `loss` is not one element, does not depend on a leaf, or was already used.
 */
export function backward(loss: Tensor): void {
  propagate([rootOf(loss)])
}

/**
 * `backward` in slices of a few milliseconds, between which the event loop gets its turn: it enqueues thousands of
 * ops. What runs in between must leave the parameters that `loss` depends on alone.
 *
 * @param loss as for `backward`, with the same errors.
 */
export async function backwardInTurns(loss: Tensor): Promise<void> {
  const nodes = propagation([rootOf(loss)])
  let sliceEnd = performance.now() + SLICE_MS
  while (!nodes.next().done) {
    if (performance.now() < sliceEnd) continue
    await new Promise((resolve) => setImmediate(resolve))
    sliceEnd = performance.now() + SLICE_MS
  }
}

function rootOf(loss: Tensor): Root {
  if (loss.size !== 1) {
    throw new ShapeError(
      `backward: the loss must have one element; got [${loss.shape.join(', ')}].`,
    )
  }
  const variable = loss.variable
  if (variable?.producer === undefined) {
    throw new ShapeError(
      'backward: the loss must depend on a tensor that requires a gradient; got one without a tape. ' +
        'Set requiresGrad before the forward and run it outside of noGrad.',
    )
  }
  const one = keep(Tensor.full(loss.shape, 1))
  one.constant = 1
  return { variable, gradient: one }
}

/** A tensor to start from and the gradient that arrives there; `propagate` owns the gradient. */
export interface Root {
  variable: Variable<Tensor>
  gradient: Tensor
}

/** Runs the tape backwards from `roots`. Captured variables keep what has arrived in their `gradient`. */
export function propagate(roots: readonly Root[]): void {
  const nodes = propagation(roots)
  while (!nodes.next().done);
}

/** `propagate`, pausing after each node. */
function* propagation(roots: readonly Root[]): Generator<void> {
  let nodes: TapeNode<Tensor>[] = []
  let delivered = 0
  try {
    nodes = reachable(roots.map((root) => root.variable.producer))
    noGrad(() => {
      for (const { variable, gradient } of roots) {
        delivered++
        deliver(variable, gradient)
      }
    })
    for (const node of nodes) {
      noGrad(() => runNode(node))
      yield
    }
  } finally {
    for (const { gradient } of roots.slice(delivered)) gradient.dispose()
    for (const node of nodes) discard(node)
  }
}

function runNode(node: TapeNode<Tensor>): void {
  const dys = node.outputs.map((output) => output.gradient)
  if (dys.some((dy) => dy !== undefined)) {
    const gradients = scope(() => node.run(dys))
    for (const gradient of gradients) keep(gradient)
    deliverAll(node, gradients)
  }
  discard(node)
}

/** Hands each gradient on; where one fails, those not yet handed on are freed. */
function deliverAll(node: TapeNode<Tensor>, gradients: readonly (Tensor | undefined)[]): void {
  let index = 0
  try {
    for (; index < gradients.length; index++) {
      const gradient = gradients[index]
      const variable = node.inputs[index]
      if (gradient === undefined) continue
      if (variable === undefined) gradient.dispose()
      else deliver(variable, gradient)
    }
  } finally {
    for (; index < gradients.length; index++) gradients[index]?.dispose()
  }
}

function deliver(variable: Variable<Tensor>, gradient: Tensor): void {
  if (variable.leaf !== undefined) {
    addToLeaf(variable.leaf, gradient)
  } else if (variable.gradient === undefined) {
    variable.gradient = gradient
  } else {
    const before = variable.gradient
    variable.gradient = keep(sum(before, gradient))
    before.dispose()
    gradient.dispose()
  }
}

function sum(a: Tensor, b: Tensor): Tensor {
  if (a.dtype === b.dtype) return add(a, b)
  return scope(() => add(cast(a, 'float32'), cast(b, 'float32')))
}

function addToLeaf(leaf: Tensor, gradient: Tensor): void {
  if (leaf.disposed) {
    gradient.dispose()
  } else if (leaf.grad !== undefined) {
    accumulate(leaf.grad, gradient)
    gradient.dispose()
  } else if (gradient.dtype === 'float32' && !gradient.aliased) {
    leaf.grad = gradient
  } else {
    leaf.grad = keep(cast(gradient, 'float32'))
    gradient.dispose()
  }
}

/** Every node that a root depends on, latest first, pinned. */
function reachable(starts: readonly (TapeNode<Tensor> | undefined)[]): TapeNode<Tensor>[] {
  const found = new Set<TapeNode<Tensor>>()
  const open = starts.filter((node) => node !== undefined)
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (found.has(node)) continue
    if (node.freed) {
      throw new ShapeError(
        'backward: each tape runs once; got a tensor whose tape was already used. Repeat the forward.',
      )
    }
    found.add(node)
    for (const input of node.inputs) if (input?.producer !== undefined) open.push(input.producer)
  }
  for (const node of found) node.pinned = true
  return [...found].sort((a, b) => b.sequence - a.sequence)
}

function discard(node: TapeNode<Tensor>): void {
  for (const output of node.outputs) {
    output.gradient?.dispose()
    output.gradient = undefined
  }
  node.pinned = false
  node.free()
}

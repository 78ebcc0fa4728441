import { keep, rejectPromise } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { type NodeBackward, TapeNode, Variable } from './variable.js'

/** record: ops are taped; off: not; probe: not, but it is noted that one would have been. */
type Mode = 'record' | 'off' | 'probe'

let mode: Mode = 'record'
let probeHit = false

type Optional = Tensor | undefined
type Needs<I extends readonly Optional[]> = { readonly [K in keyof I]: boolean }

/** An op with one output, as the tape keeps it. */
export interface OpRecord<I extends readonly Optional[], S extends readonly Optional[]> {
  inputs: I
  output: Tensor
  /** What backward reads: the tape keeps its own handles on them until the node has run. */
  saved: S
  /**
   * From the gradient of the output to those of the inputs, in their order; undefined where `needs` is false.
   * Runs outside of the tape and within a scope. What it returns is owned by the tape; to pass `dy` on, return
   * `dy.retain()`.
   */
  backward: (dy: Tensor, saved: S, needs: Needs<I>) => readonly Optional[]
}

/** An op with several outputs: gradients of outputs that nothing read are undefined (not all of them). */
export interface MultiOpRecord<
  I extends readonly Optional[],
  O extends readonly Tensor[],
  S extends readonly Optional[],
> {
  inputs: I
  outputs: O
  saved: S
  backward: (
    dys: { readonly [K in keyof O]: Optional },
    saved: S,
    needs: Needs<I>,
  ) => readonly Optional[]
}

/** Tapes an op, if the tape is on and one of its inputs wants a gradient. */
export function record<const I extends readonly Optional[], const S extends readonly Optional[]>(
  op: OpRecord<I, S>,
): void {
  const backward: NodeBackward<Tensor> = (dys, saved, needs) =>
    op.backward(dys[0] as Tensor, saved as S, needs as Needs<I>)
  if (wanted(op.inputs)) attach(op.inputs, [op.output], op.saved, backward)
}

/** `record` for an op with several outputs. */
export function recordMany<
  const I extends readonly Optional[],
  const O extends readonly Tensor[],
  const S extends readonly Optional[],
>(op: MultiOpRecord<I, O, S>): void {
  if (wanted(op.inputs)) {
    attach(op.inputs, op.outputs, op.saved, op.backward as unknown as NodeBackward<Tensor>)
  }
}

/** Makes one node of the tape without asking whether an input wants a gradient. */
export function attach(
  inputs: readonly Optional[],
  outputs: readonly Tensor[],
  saved: readonly Optional[],
  backward: NodeBackward<Tensor>,
): void {
  const own = saved.map((tensor) => keep(tensor?.retain()))
  const node = new TapeNode<Tensor>(inputs.map(variableOf), own, backward)
  for (const output of outputs) {
    const variable = new Variable<Tensor>(node, undefined)
    node.outputs.push(variable)
    output.variable = variable.retain()
  }
}

/** Whether a gradient for `tensor` would be computed now: it is a leaf that wants one or depends on such a leaf. */
export function tracked(tensor: Optional): boolean {
  return mode !== 'off' && dependsOnLeaf(tensor)
}

/** Whether the work in progress is for a backward: false inside of `noGrad`. */
export function gradEnabled(): boolean {
  return mode !== 'off'
}

/** Whether ops are being taped; unlike `gradEnabled` not in the first run of a checkpoint. */
export function isRecording(): boolean {
  return mode === 'record'
}

/** Runs `fn` with the tape off: nothing is saved for a backward. */
export function noGrad<T>(fn: () => T): T {
  return inMode('off', fn)
}

/** Runs `fn` with the tape on, whatever it was. */
export function withGrad<T>(fn: () => T): T {
  return inMode('record', fn)
}

/** Runs `fn` with the tape off and says whether it would have recorded anything. */
export function probe<T>(fn: () => T): { result: T; differentiable: boolean } {
  const before = probeHit
  probeHit = false
  try {
    const result = inMode('probe', fn)
    return { result, differentiable: probeHit }
  } finally {
    probeHit = before
  }
}

function inMode<T>(next: Mode, fn: () => T): T {
  const before = mode
  mode = next
  try {
    const result = fn()
    rejectPromise(next === 'off' ? 'noGrad' : 'withGrad', result)
    return result
  } finally {
    mode = before
  }
}

function wanted(inputs: readonly Optional[]): boolean {
  if (mode === 'off' || !inputs.some(dependsOnLeaf)) return false
  if (mode === 'record') return true
  probeHit = true
  return false
}

function dependsOnLeaf(tensor: Optional): boolean {
  if (tensor === undefined) return false
  return (
    tensor.requiresGrad || (tensor.variable !== undefined && tensor.variable.leaf === undefined)
  )
}

function variableOf(tensor: Optional): Variable<Tensor> | undefined {
  if (tensor === undefined || !dependsOnLeaf(tensor)) return undefined
  tensor.variable ??= new Variable<Tensor>(undefined, tensor).retain()
  return tensor.variable
}

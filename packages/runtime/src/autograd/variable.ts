// The graph of the tape. It knows of tensors (T) only that they can be disposed of, so that tensors can know of it.

interface Disposes {
  dispose(): void
}

/** Gradients for the outputs of a node in, gradients for its inputs out. */
export type NodeBackward<T> = (
  dys: readonly (T | undefined)[],
  saved: readonly (T | undefined)[],
  needs: readonly boolean[],
) => readonly (T | undefined)[]

/**
 * What backward knows of a tensor: where its gradient goes. It outlives the tensor's handle, because the nodes
 * that read the tensor refer to it.
 */
export class Variable<T extends Disposes> {
  /** Sum of the gradients that have arrived in the backward that is running. */
  gradient: T | undefined
  #references = 0

  constructor(
    /** The node that made the tensor; undefined for leaves and for captured inputs of a checkpoint. */
    readonly producer: TapeNode<T> | undefined,
    /** The tensor whose `grad` collects the gradient. */
    readonly leaf: T | undefined,
  ) {}

  get references(): number {
    return this.#references
  }

  retain(): this {
    this.#references++
    return this
  }

  release(): void {
    this.#references--
    if (this.#references === 0) this.producer?.outputDropped()
  }
}

let sequence = 0
const dying: { letGo(): void }[] = []
let draining = false

/**
 * One recorded op. It is freed as soon as it ran, or when nothing refers to its outputs any more: a forward
 * whose result is dropped leaves nothing behind.
 */
export class TapeNode<T extends Disposes> {
  /** Order of recording: backward runs nodes by descending sequence. */
  readonly sequence = sequence++
  readonly outputs: Variable<T>[] = []
  /** Set while a backward intends to run this node, which keeps it from being freed. */
  pinned = false
  freed = false
  #backward: NodeBackward<T> | undefined

  constructor(
    readonly inputs: readonly (Variable<T> | undefined)[],
    private saved: readonly (T | undefined)[],
    backward: NodeBackward<T>,
  ) {
    this.#backward = backward
    for (const input of inputs) input?.retain()
  }

  /** Gradients of the inputs, undefined where none is wanted. */
  run(dys: readonly (T | undefined)[]): readonly (T | undefined)[] {
    const needs = this.inputs.map((input) => input !== undefined)
    return this.#backward?.(dys, this.saved, needs) ?? []
  }

  outputDropped(): void {
    if (!this.pinned && this.outputs.every((output) => output.references === 0)) this.free()
  }

  /** Gives back what the node saved and its hold on what it read; a chain of nodes is freed without recursion. */
  free(): void {
    if (this.freed) return
    this.freed = true
    dying.push(this)
    if (draining) return
    draining = true
    for (let node = dying.pop(); node !== undefined; node = dying.pop()) node.letGo()
    draining = false
  }

  /** Internal to `free`, which calls it once. */
  letGo(): void {
    for (const tensor of this.saved) tensor?.dispose()
    this.saved = []
    this.#backward = undefined
    for (const input of this.inputs) input?.release()
  }
}

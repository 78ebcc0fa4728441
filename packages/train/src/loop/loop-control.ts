import { ConfigError } from '@llft/errors'
import type { Module } from '@llft/runtime'
import type { RunControl } from './callback.js'

/** What was asked of a run from outside of its loop, until the loop comes to a place where it can be done. */
export class LoopControl implements RunControl {
  #stopReason: string | undefined
  #checkpoint = false
  #evaluation = false
  #gate: Gate | undefined
  readonly #later: (() => Promise<void>)[] = []

  #model: Module | undefined

  get model(): Module {
    if (this.#model !== undefined) return this.#model
    throw new ConfigError(
      'RunControl.model: the run must have loaded its model; got one that is before that.',
    )
  }

  /** Says what the run trains. */
  setModel(model: Module): void {
    this.#model = model
  }

  /** Why the run is to end; undefined while it is not. */
  get stopReason(): string | undefined {
    return this.#stopReason
  }

  stop(reason: string): void {
    this.#stopReason ??= reason
    this.resume()
  }

  checkpoint(): void {
    this.#checkpoint = true
  }

  evaluate(): void {
    this.#evaluation = true
  }

  /** Holds the run between two steps. @returns when it stands there, or is over */
  pause(): Promise<void> {
    this.#gate ??= new Gate()
    return this.#gate.reached
  }

  resume(): void {
    this.#gate?.open()
    this.#gate = undefined
  }

  /** Whether the loop has to come to rest after the step that it has launched. */
  get isWanted(): boolean {
    const asked = this.#checkpoint || this.#evaluation || this.#gate !== undefined
    return asked || this.#stopReason !== undefined
  }

  takeCheckpoint(): boolean {
    const wanted = this.#checkpoint
    this.#checkpoint = false
    return wanted
  }

  takeEvaluation(): boolean {
    const wanted = this.#evaluation
    this.#evaluation = false
    return wanted
  }

  /** Takes work that comes from beside the loop, such as the news that a checkpoint is written. */
  later(work: () => Promise<void>): void {
    this.#later.push(work)
  }

  /** Does that work, where the loop awaits it. */
  async drain(): Promise<void> {
    for (let work = this.#later.shift(); work !== undefined; work = this.#later.shift())
      await work()
  }

  /** Waits at a pause until it is over or `signal` is aborted. */
  async waitWhilePaused(signal: AbortSignal | undefined): Promise<void> {
    const gate = this.#gate
    if (gate === undefined || signal?.aborted) return
    gate.arrive()
    const leave = () => this.resume()
    signal?.addEventListener('abort', leave, { once: true })
    await gate.opened
    signal?.removeEventListener('abort', leave)
  }

  /** The run is over: nobody may wait for it any more. */
  close(): void {
    this.#gate?.arrive()
    this.resume()
  }
}

/** Where a run stands still: who asked for it learns that it stands, and lets it go on. */
class Gate {
  readonly reached: Promise<void>
  readonly opened: Promise<void>
  #arrive: () => void = () => undefined
  #open: () => void = () => undefined

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#arrive = resolve
    })
    this.opened = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  arrive(): void {
    this.#arrive()
  }

  open(): void {
    this.#open()
  }
}

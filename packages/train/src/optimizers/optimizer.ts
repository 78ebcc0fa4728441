import { tmpdir } from 'node:os'
import { FormatError, shown } from '@llft/errors'
import { flag, text } from '@llft/options'
import { copy, keep, releasePages, spilledZeros, Tensor, type TensorSpec } from '@llft/runtime'
import type { z } from 'zod'
import type { Parameter, ParameterGroup } from './parameters.js'

/** What an optimiser keeps between steps, so that a run can go on later. */
export interface OptimizerState {
  /** Steps that each parameter has taken, by name. */
  readonly steps: Readonly<Record<string, number>>
  /** Tensors by `<parameter>.<moment>`; they stay the optimiser's. */
  readonly tensors: Readonly<Record<string, Tensor>>
}

/** Learning rate and decay of one update. */
export interface UpdateRates {
  readonly lr: number
  readonly weightDecay: number
  /** Counts from 1. */
  readonly step: number
}

/** A parameter with its settings, moments and number of steps taken. */
interface Slot {
  readonly parameter: Parameter
  readonly lrMultiplier: number
  readonly weightDecay: number
  readonly moments: Readonly<Record<string, Tensor>>
  step: number
}

/** Where the state of an optimiser lives. */
export interface PagingSettings {
  /**
   * Keep the state in a file of which the system holds in memory what it has room for; the file has no name and goes
   * with the optimiser. Default false: in memory.
   */
  paged?: boolean | undefined
  /** Folder of that file, on a disk. Default: the system's folder for temporary files. */
  pagedFolder?: string | undefined
}

export const pagingShape = {
  paged: flag.optional(),
  pagedFolder: text('must be a folder').optional(),
} satisfies Record<keyof PagingSettings, z.ZodType>

/** What an optimiser says of its state. */
export interface OptimizerDefaults extends PagingSettings {
  /** Of groups that name none. */
  readonly weightDecay: number
  /** The state tensors of a parameter, by name; they begin as zeros. */
  readonly moments: (parameter: Tensor) => Readonly<Record<string, TensorSpec>>
}

/** Shared part of the optimisers: groups, state, and which parameters have a gradient. */
export abstract class Optimizer {
  readonly #slots: Slot[]
  readonly #paged: boolean

  protected constructor(groups: readonly ParameterGroup[], defaults: OptimizerDefaults) {
    this.#paged = defaults.paged ?? false
    const memory = this.#paged ? paged(groups, defaults) : zeros
    this.#slots = groups.flatMap((group) =>
      group.parameters.map((parameter) => ({
        parameter,
        lrMultiplier: group.lrMultiplier ?? 1,
        weightDecay: group.weightDecay ?? defaults.weightDecay,
        moments: Object.fromEntries(
          Object.entries(defaults.moments(parameter.tensor)).map(([name, spec]) => [
            name,
            memory(spec),
          ]),
        ),
        step: 0,
      })),
    )
  }

  /** Every parameter, in the order of the groups. */
  get parameters(): Parameter[] {
    return this.#slots.map((slot) => slot.parameter)
  }

  /** The gradients that the last backward left, in the order of `parameters`. */
  gradients(): Tensor[] {
    return this.#slots
      .map(({ parameter }) => parameter.tensor.grad)
      .filter((grad) => grad !== undefined)
  }

  /**
   * Updates every parameter that has a gradient, in place; the others keep their value and their step count, as in
   * PyTorch.
   *
   * @param lr learning rate of this step, before the groups' multipliers
   * @param gradFactor float32 [1], multiplied into each gradient
   */
  step(lr: number, gradFactor: Tensor): void {
    for (const slot of this.#slots) {
      const { grad } = slot.parameter.tensor
      if (grad === undefined) continue
      slot.step++
      const rates = {
        lr: lr * slot.lrMultiplier,
        weightDecay: slot.weightDecay,
        step: slot.step,
      }
      this.update(slot.parameter.tensor, grad, slot.moments, gradFactor, rates)
      if (this.#paged) for (const tensor of Object.values(slot.moments)) releasePages(tensor)
    }
  }

  /** Frees the gradients. */
  clearGradients(): void {
    for (const { parameter } of this.#slots) parameter.tensor.clearGrad()
  }

  /** A view of what must be saved to go on later. */
  state(): OptimizerState {
    const steps: Record<string, number> = {}
    const tensors: Record<string, Tensor> = {}
    for (const { parameter, moments, step } of this.#slots) {
      steps[parameter.name] = step
      for (const [name, tensor] of Object.entries(moments))
        tensors[`${parameter.name}.${name}`] = tensor
    }
    return { steps, tensors }
  }

  /**
   * Takes over a saved state, by copying.
   *
   * @throws FormatError that names a tensor that is missing or of another shape.
   */
  load(state: OptimizerState): void {
    for (const { parameter, moments } of this.#slots) {
      for (const [name, tensor] of Object.entries(moments)) {
        const key = `${parameter.name}.${name}`
        const saved = state.tensors[key]
        if (saved === undefined || describe(saved) !== describe(tensor)) {
          const got = saved === undefined ? 'nothing' : describe(saved)
          throw new FormatError(`Optimizer.load: '${key}' must be ${describe(tensor)}; got ${got}.`)
        }
      }
    }
    this.setSteps(state.steps)
    for (const { parameter, moments } of this.#slots) {
      for (const [moment, tensor] of Object.entries(moments)) {
        copy(state.tensors[`${parameter.name}.${moment}`] as Tensor, tensor)
      }
    }
  }

  /**
   * Sets the number of steps that each parameter has taken, by name: for whoever has filled the tensors of `state()`.
   *
   * @throws FormatError for a parameter without a number.
   */
  setSteps(steps: OptimizerState['steps']): void {
    const all = this.#slots.map(({ parameter }) => stepOf(steps, parameter.name))
    for (const [index, slot] of this.#slots.entries()) slot.step = all[index] as number
  }

  /** Frees the state; the parameters stay. */
  dispose(): void {
    for (const { moments } of this.#slots) {
      for (const tensor of Object.values(moments)) tensor.dispose()
    }
    this.#slots.length = 0
  }

  protected abstract update(
    param: Tensor,
    grad: Tensor,
    moments: Readonly<Record<string, Tensor>>,
    gradFactor: Tensor,
    rates: UpdateRates,
  ): void
}

function describe({ dtype, shape }: Tensor): string {
  return `${dtype} [${shape.join(', ')}]`
}

function zeros({ shape, dtype }: TensorSpec): Tensor {
  return keep(Tensor.zeros(shape, dtype))
}

/** Hands out the tensors of one file, in the order in which the state of `groups` is made. */
function paged(groups: readonly ParameterGroup[], defaults: OptimizerDefaults): () => Tensor {
  const specs = groups.flatMap((group) =>
    group.parameters.flatMap(({ tensor }) => Object.values(defaults.moments(tensor))),
  )
  const tensors = spilledZeros(specs, defaults.pagedFolder ?? tmpdir()).values()
  return () => tensors.next().value as Tensor
}

/** A state without its step count would begin anew, with moments that say otherwise. */
function stepOf(steps: OptimizerState['steps'], name: string): number {
  const step = steps[name]
  if (step !== undefined && Number.isSafeInteger(step) && step >= 0) return step
  throw new FormatError(
    `Optimizer.load: the steps of '${name}' must be a whole number from 0 up; got ${shown(step)}.`,
  )
}

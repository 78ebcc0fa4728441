import { ConfigError, FormatError } from '@llft/errors'
import { belowOne, parseOptions } from '@llft/options'
import { accumulate, cast, copy, keep, noGrad, scale, scope, type Tensor } from '@llft/runtime'
import { z } from 'zod'
import type { Parameter } from './parameters.js'

/** What a ParameterAverage keeps, so that a run can go on later. */
export interface AverageState {
  /** The averages by the names of their parameters; they stay the ParameterAverage's. */
  readonly tensors: Readonly<Record<string, Tensor>>
}

interface Slot {
  readonly name: string
  readonly tensor: Tensor
  readonly average: Tensor
}

const settings = z.strictObject({ decay: belowOne })

/**
 * The exponential moving average of parameters, average += (1 - decay) (parameter - average), as
 * `torch.optim.swa_utils.get_ema_multi_avg_fn` has it. It begins as a copy of the parameters, in float32, and takes as much
 * memory. Work on it is in the order of the device, so an update counts the steps that were launched before it.
 */
export class ParameterAverage {
  readonly #slots: Slot[]
  /** Share of a parameter in an update. */
  readonly #weight: number
  #isSwapped = false

  /**
   * @param decay share of the average that stays in an update, in [0, 1), such as 0.999
   * @throws ConfigError for another decay.
   */
  constructor(parameters: readonly Parameter[], decay: number) {
    this.#weight = 1 - parseOptions(settings, { decay }, 'ParameterAverage').decay
    this.#slots = parameters.map(({ name, tensor }) => ({
      name,
      tensor,
      average: keep(noGrad(() => cast(tensor, 'float32'))),
    }))
  }

  /**
   * Takes the parameters as they are now into the average: to be called after each step.
   *
   * @throws ConfigError while the parameters hold the averages.
   */
  update(): void {
    this.requireTrained('update')
    for (const { tensor, average } of this.#slots) {
      noGrad(() => scope(() => this.moveTowards(tensor, average)))
    }
  }

  /**
   * Puts the averages into the parameters, where they can be evaluated or saved, without more memory than that of one
   * parameter. No step may be taken meanwhile.
   *
   * @returns what puts the trained parameters back; a second call of it does nothing.
   * @throws ConfigError while the parameters hold the averages.
   */
  swap(): () => void {
    this.requireTrained('swap')
    this.exchange()
    return () => {
      if (this.#isSwapped) this.exchange()
    }
  }

  /**
   * A view of what must be saved to go on later.
   *
   * @throws ConfigError while the parameters hold the averages.
   */
  state(): AverageState {
    this.requireTrained('state')
    return { tensors: Object.fromEntries(this.#slots.map(({ name, average }) => [name, average])) }
  }

  /**
   * Takes over a saved state, by copying.
   *
   * @throws FormatError that names a tensor that is missing or of another shape, ConfigError while the parameters hold the
   *   averages.
   */
  load(state: AverageState): void {
    this.requireTrained('load')
    for (const { name, average } of this.#slots) {
      const saved = state.tensors[name]
      const got = saved === undefined ? 'nothing' : describe(saved)
      if (got === describe(average)) continue
      throw new FormatError(
        `ParameterAverage.load: '${name}' must be ${describe(average)}; got ${got}.`,
      )
    }
    for (const { name, average } of this.#slots) copy(state.tensors[name] as Tensor, average)
  }

  /** Leaves the averages in the parameters for good. */
  adopt(): void {
    if (!this.#isSwapped) this.exchange()
    this.#isSwapped = false
  }

  /** Frees the averages; the parameters stay, as they were trained. */
  dispose(): void {
    if (this.#isSwapped) this.exchange()
    for (const { average } of this.#slots) average.dispose()
    this.#slots.length = 0
  }

  /** The difference is made of products with one and the same weight, so it is 0 where the two are equal. */
  private moveTowards(tensor: Tensor, average: Tensor): void {
    const difference = scale(average, -this.#weight)
    accumulate(difference, scale(tensor, this.#weight))
    accumulate(average, difference)
  }

  private exchange(): void {
    for (const { tensor, average } of this.#slots) {
      noGrad(() =>
        scope(() => {
          const before = cast(tensor, 'float32')
          copy(average, tensor)
          copy(before, average)
        }),
      )
    }
    this.#isSwapped = !this.#isSwapped
  }

  private requireTrained(method: string): void {
    if (!this.#isSwapped) return
    throw new ConfigError(
      `ParameterAverage.${method}: the parameters must be those that train; got the averages. Call what swap() returned first.`,
    )
  }
}

function describe({ dtype, shape }: Tensor): string {
  return `${dtype} [${shape.join(', ')}]`
}

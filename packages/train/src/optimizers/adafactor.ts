import { above, atLeast, belowOne, flag, number, parseOptions } from '@llft/options'
import { adafactorStep, type Tensor, type TensorSpec } from '@llft/runtime'
import { z } from 'zod'
import { Optimizer, type UpdateRates } from './optimizer.js'
import type { ParameterGroup } from './parameters.js'

export interface AdafactorSettings {
  /** Added to squared gradients. Default 1e-30. */
  eps1?: number | undefined
  /** Least scale of a parameter. Default 1e-3. */
  eps2?: number | undefined
  /** Bound of the root mean square of an update before the learning rate. Default 1. */
  clipThreshold?: number | undefined
  /** The second moment's decay in step t is 1 - t^decayRate. Default -0.8. */
  decayRate?: number | undefined
  /** Decay of a mean of updates, which costs a float32 per element. Default none. */
  beta1?: number | undefined
  /** Whether the learning rate is multiplied by the parameter's root mean square. Default true. */
  scaleParameter?: boolean | undefined
  /** Whether the learning rate is min(0.01, 1 / sqrt(t)), whatever the schedule says. Default false. */
  relativeStep?: boolean | undefined
  /** Whether that begins at 1e-6 t. Default false. */
  warmupInit?: boolean | undefined
  /** Decoupled weight decay of groups that name none. Default 0. */
  weightDecay?: number | undefined
}

const schema = z.strictObject({
  eps1: atLeast(0).default(1e-30),
  eps2: atLeast(0).default(1e-3),
  clipThreshold: above(0).default(1),
  decayRate: number.default(-0.8),
  beta1: belowOne.default(0),
  scaleParameter: flag.default(true),
  relativeStep: flag.default(false),
  warmupInit: flag.default(false),
  weightDecay: atLeast(0).default(0),
} satisfies Record<keyof AdafactorSettings, z.ZodType>)

/**
 * Adafactor (Shazeer and Stern 2018) as transformers.optimization.Adafactor defines it, with `relativeStep` off unless
 * it is asked for. The second moment of a matrix is kept as the means of its rows and columns. State, float32: `row`
 * and `column` of a matrix, `v` of anything else, `m` where there is a beta1.
 */
export class Adafactor extends Optimizer {
  readonly #settings: Required<Omit<AdafactorSettings, 'weightDecay'>>

  constructor(groups: readonly ParameterGroup[], settings: AdafactorSettings = {}) {
    const { weightDecay, ...rest } = parseOptions(schema, settings, 'Adafactor')
    super(groups, { weightDecay, moments: (tensor) => momentsOf(tensor, rest.beta1 > 0) })
    this.#settings = rest
  }

  protected override update(
    param: Tensor,
    grad: Tensor,
    moments: Readonly<Record<string, Tensor>>,
    gradFactor: Tensor,
    { lr, weightDecay, step }: UpdateRates,
  ): void {
    const { row, column, v, m } = moments
    const { decayRate, relativeStep, warmupInit, ...options } = this.#settings
    const relative = Math.min(warmupInit ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step))
    adafactorStep(
      { param, grad, row, column, v, m, gradFactor },
      { ...options, weightDecay, lr: relativeStep ? relative : lr, beta2: 1 - step ** decayRate },
    )
  }
}

function momentsOf({ shape }: Tensor, first: boolean): Record<string, TensorSpec> {
  const float = (shape: readonly number[]): TensorSpec => ({ shape, dtype: 'float32' })
  const [rows, columns] = shape
  const matrix = shape.length === 2
  return {
    ...(matrix ? { row: float([rows as number]), column: float([columns as number]) } : {}),
    ...(matrix ? {} : { v: float(shape) }),
    ...(first ? { m: float(shape) } : {}),
  }
}

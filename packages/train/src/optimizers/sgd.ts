import { atLeast, parseOptions } from '@llft/options'
import { sgdStep, type Tensor, type TensorSpec } from '@llft/runtime'
import { z } from 'zod'
import { Optimizer, type UpdateRates } from './optimizer.js'
import type { ParameterGroup } from './parameters.js'

export interface SgdSettings {
  /** Factor of the running sum of gradients; 0 keeps no state. Default 0. */
  momentum?: number | undefined
  /** Added to the gradient as weightDecay * p, in groups that name none. Default 0. */
  weightDecay?: number | undefined
}

const schema = z.strictObject({
  momentum: atLeast(0).default(0),
  weightDecay: atLeast(0).default(0),
} satisfies Record<keyof SgdSettings, z.ZodType>)

/**
 * Stochastic gradient descent as torch.optim.SGD without Nesterov: g += wd p; b = momentum b + g (b = g in the first
 * step); p -= lr b. State: `momentum`, float32, where momentum is not 0.
 */
export class Sgd extends Optimizer {
  readonly #momentum: number

  constructor(groups: readonly ParameterGroup[], settings: SgdSettings = {}) {
    const { momentum, weightDecay } = parseOptions(schema, settings, 'Sgd')
    const moments = ({ shape }: Tensor): Record<string, TensorSpec> =>
      momentum === 0 ? {} : { momentum: { shape, dtype: 'float32' } }
    super(groups, { weightDecay, moments })
    this.#momentum = momentum
  }

  protected override update(
    param: Tensor,
    grad: Tensor,
    moments: Readonly<Record<string, Tensor>>,
    gradFactor: Tensor,
    rates: UpdateRates,
  ): void {
    const momentumBuffer = moments.momentum
    sgdStep({ param, grad, momentumBuffer, gradFactor }, { ...rates, momentum: this.#momentum })
  }
}

import { atLeast, belowOne, parseOptions } from '@llft/options'
import { lionStep, type Tensor } from '@llft/runtime'
import { z } from 'zod'
import { Optimizer, type UpdateRates } from './optimizer.js'
import type { ParameterGroup } from './parameters.js'

export interface LionSettings {
  /** Weight of the running mean in the direction of the update. Default 0.9. */
  beta1?: number | undefined
  /** Decay of the running mean of gradients. Default 0.99. */
  beta2?: number | undefined
  /** Decoupled weight decay of groups that name none. Default 0. */
  weightDecay?: number | undefined
}

const schema = z.strictObject({
  beta1: belowOne.default(0.9),
  beta2: belowOne.default(0.99),
  weightDecay: atLeast(0).default(0),
} satisfies Record<keyof LionSettings, z.ZodType>)

/**
 * Lion (Chen et al. 2023): p *= 1 - lr wd; p -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g.
 * Every element moves by lr, so learning rates are three to ten times smaller than AdamW's. State: `m`, float32.
 */
export class Lion extends Optimizer {
  readonly #betas: { beta1: number; beta2: number }

  constructor(groups: readonly ParameterGroup[], settings: LionSettings = {}) {
    const { beta1, beta2, weightDecay } = parseOptions(schema, settings, 'Lion')
    const moments = ({ shape }: Tensor) => ({ m: { shape, dtype: 'float32' as const } })
    super(groups, { weightDecay, moments })
    this.#betas = { beta1, beta2 }
  }

  protected override update(
    param: Tensor,
    grad: Tensor,
    moments: Readonly<Record<string, Tensor>>,
    gradFactor: Tensor,
    { lr, weightDecay }: UpdateRates,
  ): void {
    const { m } = moments as { m: Tensor }
    lionStep({ param, grad, m, gradFactor }, { lr, weightDecay, ...this.#betas })
  }
}

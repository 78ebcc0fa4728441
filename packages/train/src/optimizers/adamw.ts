import { atLeast, belowOne, parseOptions } from '@llft/options'
import { adamwStep, type Tensor } from '@llft/runtime'
import { z } from 'zod'
import {
  Optimizer,
  type OptimizerDefaults,
  type PagingSettings,
  pagingShape,
  type UpdateRates,
} from './optimizer.js'
import type { ParameterGroup } from './parameters.js'

export interface AdamWSettings extends PagingSettings {
  /** Decay of the mean of gradients. Default 0.9. */
  beta1?: number | undefined
  /** Decay of the mean of squared gradients. Default 0.999. */
  beta2?: number | undefined
  /** Added to the root of the second moment. Default 1e-8. */
  eps?: number | undefined
  /** Decoupled weight decay of groups that name none. Default 0. */
  weightDecay?: number | undefined
}

const schema = z.strictObject({
  beta1: belowOne.default(0.9),
  beta2: belowOne.default(0.999),
  eps: atLeast(0).default(1e-8),
  weightDecay: atLeast(0).default(0),
  ...pagingShape,
} satisfies Record<keyof AdamWSettings, z.ZodType>)

/**
 * AdamW (Loshchilov and Hutter 2019) as torch.optim.AdamW defines it: p *= 1 - lr wd; then
 * p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps). State: `m` and `v`, float32.
 */
export class AdamW extends Optimizer {
  protected readonly betas: { beta1: number; beta2: number; eps: number }

  constructor(groups: readonly ParameterGroup[], settings: AdamWSettings = {}) {
    const { beta1, beta2, eps, ...rest } = parseOptions(schema, settings, new.target.name)
    super(groups, { ...rest, moments: new.target.moments })
    this.betas = { beta1, beta2, eps }
  }

  /** How the moments are stored; a subclass may store them in another way. */
  protected static moments({ shape }: Tensor): ReturnType<OptimizerDefaults['moments']> {
    return { m: { shape, dtype: 'float32' }, v: { shape, dtype: 'float32' } }
  }

  protected override update(
    param: Tensor,
    grad: Tensor,
    moments: Readonly<Record<string, Tensor>>,
    gradFactor: Tensor,
    rates: UpdateRates,
  ): void {
    const { m, v } = moments as { m: Tensor; v: Tensor }
    adamwStep({ param, grad, m, v, gradFactor }, { ...rates, ...this.betas })
  }
}

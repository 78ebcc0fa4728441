import { adamw8bitStep, adamwStep, type Tensor, type TensorSpec } from '@llft/runtime'
import type { AdamWSettings } from './adamw.js'
import { Optimizer, type UpdateRates } from './optimizer.js'
import type { ParameterGroup } from './parameters.js'

/** Elements that share a scale. */
const BLOCK = 256
/** Parameters with fewer elements keep float32 moments, as in bitsandbytes. */
const SMALLEST = 4096

/**
 * AdamW with moments of 8 bits each (Dettmers et al. 2021): a quarter of the state. Blocks of 256 elements share a
 * scale; `m` takes its codes from the signed dynamic map, `v` from the unsigned one. State: `m` and `v`, uint8, with
 * `mAbsmax` and `vAbsmax`, float32; small parameters have `m` and `v` in float32.
 */
export class AdamW8bit extends Optimizer {
  readonly #betas: { beta1: number; beta2: number; eps: number }

  constructor(groups: readonly ParameterGroup[], settings: AdamWSettings = {}) {
    const { beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0 } = settings
    super(groups, { ...settings, weightDecay, moments: momentsOf })
    this.#betas = { beta1, beta2, eps }
  }

  protected override update(
    param: Tensor,
    grad: Tensor,
    moments: Readonly<Record<string, Tensor>>,
    gradFactor: Tensor,
    rates: UpdateRates,
  ): void {
    const { m, v, mAbsmax, vAbsmax } = moments as { m: Tensor; v: Tensor } & typeof moments
    const options = { ...rates, ...this.#betas }
    if (mAbsmax === undefined || vAbsmax === undefined) {
      adamwStep({ param, grad, m, v, gradFactor }, options)
    } else {
      adamw8bitStep({ param, grad, m, v, mAbsmax, vAbsmax, gradFactor }, options)
    }
  }
}

function momentsOf({ shape, size }: Tensor): Record<string, TensorSpec> {
  if (size < SMALLEST) return { m: { shape, dtype: 'float32' }, v: { shape, dtype: 'float32' } }
  const scales: TensorSpec = { shape: [Math.ceil(size / BLOCK)], dtype: 'float32' }
  const codes: TensorSpec = { shape, dtype: 'uint8' }
  return { m: codes, v: codes, mAbsmax: scales, vAbsmax: scales }
}

import { adamw8bitStep, type Tensor, type TensorSpec } from '@llft/runtime'
import { AdamW } from './adamw.js'
import type { UpdateRates } from './optimizer.js'

/** Elements that share a scale. */
const BLOCK = 256
/** Parameters with fewer elements keep float32 moments, as in bitsandbytes. */
const SMALLEST = 4096

/**
 * `AdamW` with moments of 8 bits each (Dettmers et al. 2021): a quarter of the state. Blocks of 256 elements share a
 * scale; `m` takes its codes from the signed dynamic map, `v` from the unsigned one. State: `m` and `v`, uint8, with
 * `mAbsmax` and `vAbsmax`, float32; small parameters have `m` and `v` in float32.
 */
export class AdamW8bit extends AdamW {
  protected static override moments(parameter: Tensor): Record<string, TensorSpec> {
    const { shape, size } = parameter
    if (size < SMALLEST) return AdamW.moments(parameter)
    const scales: TensorSpec = { shape: [Math.ceil(size / BLOCK)], dtype: 'float32' }
    const codes: TensorSpec = { shape, dtype: 'uint8' }
    return { m: codes, v: codes, mAbsmax: scales, vAbsmax: scales }
  }

  protected override update(
    param: Tensor,
    grad: Tensor,
    moments: Readonly<Record<string, Tensor>>,
    gradFactor: Tensor,
    rates: UpdateRates,
  ): void {
    const { m, v, mAbsmax, vAbsmax } = moments as { m: Tensor; v: Tensor } & typeof moments
    if (mAbsmax === undefined || vAbsmax === undefined) {
      super.update(param, grad, moments, gradFactor, rates)
    } else {
      const state = { param, grad, m, v, mAbsmax, vAbsmax, gradFactor }
      adamw8bitStep(state, { ...rates, ...this.betas })
    }
  }
}

import { ConfigError } from '@llft/errors'
import { atLeast, belowOne } from '@llft/options'
import type { LossOptions } from '@llft/runtime'
import type { LossModel } from './evaluate.js'

/** The rules of what training adds to the loss. */
export const lossShape = {
  labelSmoothing: belowOne.optional(),
  neftuneAlpha: atLeast(0).optional(),
}

/**
 * What training gives `model.loss`.
 *
 * @throws ConfigError for an option that the loss of this model would pass over.
 */
export function lossOptionsOf<B>(
  model: LossModel<B>,
  { labelSmoothing = 0, neftuneAlpha = 0 }: LossOptions,
): LossOptions {
  const options = { labelSmoothing, neftuneAlpha }
  for (const name of Object.keys(options) as (keyof typeof options)[]) {
    if (options[name] === 0 || model.lossOptions?.includes(name)) continue
    throw new ConfigError(
      `train.${name}: must be left out for a model whose loss does not have it; got ${options[name]}.`,
    )
  }
  return options
}

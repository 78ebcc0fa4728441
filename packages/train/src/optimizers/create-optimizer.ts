import { ConfigError } from '@llft/errors'
import { nameOr, oneOf, parseOptions } from '@llft/options'
import { z } from 'zod'
import { Adafactor, type AdafactorSettings } from './adafactor.js'
import { AdamW, type AdamWSettings } from './adamw.js'
import { AdamW8bit } from './adamw8bit.js'
import { Lion, type LionSettings } from './lion.js'
import type { Optimizer } from './optimizer.js'
import type { ParameterGroup } from './parameters.js'
import { Sgd, type SgdSettings } from './sgd.js'

type Create = (groups: readonly ParameterGroup[], settings: object) => Optimizer

/** Adafactor follows the learning rate of the run, as in transformers' Trainer. */
const KINDS = {
  adamw: (groups, settings) => new AdamW(groups, settings),
  adamw8bit: (groups, settings) => new AdamW8bit(groups, settings),
  'paged-adamw': (groups, settings) => new AdamW(groups, { ...settings, paged: true }),
  'paged-adamw8bit': (groups, settings) => new AdamW8bit(groups, { ...settings, paged: true }),
  sgd: (groups, settings) => new Sgd(groups, settings),
  lion: (groups, settings) => new Lion(groups, settings),
  adafactor: (groups, settings) => new Adafactor(groups, { scaleParameter: false, ...settings }),
} as const satisfies Record<string, Create>

export type OptimizerName = keyof typeof KINDS

export const OPTIMIZER_NAMES = Object.keys(KINDS) as OptimizerName[]

/** An optimiser with settings of its class, such as `{ name: 'adamw', beta2: 0.95 }`. */
export type OptimizerSettings =
  | ({ name: 'adamw' | 'adamw8bit' | 'paged-adamw' | 'paged-adamw8bit' } & AdamWSettings)
  | ({ name: 'sgd' } & SgdSettings)
  | ({ name: 'lion' } & LionSettings)
  | ({ name: 'adafactor' } & AdafactorSettings)

const name = oneOf(OPTIMIZER_NAMES)

/** The rule of an option that is a name or a name with settings; the settings are checked by their class. */
export const optimizerRule = nameOr(
  OPTIMIZER_NAMES,
  z.looseObject({ name }) as unknown as z.ZodType<OptimizerSettings, unknown>,
)

/** @throws ConfigError for an unknown name or setting. */
export function createOptimizer(
  kind: OptimizerName | OptimizerSettings,
  groups: readonly ParameterGroup[],
): Optimizer {
  const { optimizer } = parseOptions(
    z.strictObject({ optimizer: optimizerRule }),
    { optimizer: kind },
    'createOptimizer',
  )
  const { name, ...settings } = typeof optimizer === 'string' ? { name: optimizer } : optimizer
  if ('weightDecay' in settings) {
    throw new ConfigError(
      `createOptimizer.${name}.weightDecay: must be left out, as weightDecay of the run says it; got ${settings.weightDecay}.`,
    )
  }
  const create: Create = KINDS[name]
  return create(groups, settings)
}
